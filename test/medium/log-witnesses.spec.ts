// Real: PostgreSQL, the log process, anvil with LogAnchor, three witnesses with their state on disk (in this process, so
// that a test can make one slow; `witness.spec.ts` has the process). Faked: who signed the entries, which nobody here judges.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { keccak256, stringToBytes } from 'viem';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { checkpointDigest, fromHex, to0x } from '../../src/kernel/index.js';
import {
  anchorArgs,
  checkSplitView,
  headOf,
  inclusionArgs,
  proveRecords,
  verifyCheckpoint,
  type LogClient,
} from '../../src/provenance/index.js';
import { logAnchorAbi } from '../../web3/chain/abi/log-anchor.js';
import { freePort } from '../../web3/devnet/service.js';
import { testLog, wellFormedEntry, type LogProcess, type TestLog } from '../support/log-process.js';
import { NotingLog } from '../support/noting-log.js';
import { testWitnesses, type TestWitness } from '../support/witness-net.js';
import { ascending, WitnessedNet, type WitnessedLog } from '../support/witnessed-net.js';

let world: WitnessedNet;
beforeAll(async () => {
  world = await WitnessedNet.start();
});
afterAll(async () => world?.stop());

async function append(client: LogClient, seed: string, count: number): Promise<void> {
  const entries = await Promise.all(Array.from({ length: count }, async (_, i) => wellFormedEntry(`${seed} ${i}`)));
  await Promise.all(entries.map(async (entry) => client.append(entry)));
}

function trustOf({ log, witnesses }: WitnessedLog, vkeys = [{ vkey: log.vkey, fromSize: 0 }]) {
  return { log: { origin: log.origin, vkeys }, witnesses: { quorum: 2, vkeys: witnesses.map(({ vkey }) => vkey) } };
}

/** Waits until a process has found something that keeps it from sequencing: it is up, and answers no reader. */
async function untilRefusing({ logFile }: TestLog, { url }: LogProcess): Promise<void> {
  await expect.poll(() => readFileSync(logFile, 'utf8'), { timeout: 60_000 }).toContain('not sequencing');
  for (const path of ['readyz', 'checkpoint']) expect((await fetch(`${url}/${path}`)).status).toBe(503);
}

describe('a witnessed log', { timeout: 300_000 }, () => {
  it('shows a checkpoint only with a quorum of cosignatures, and is held up by no slow witness and by none that is down', async () => {
    const net = await world.newLog();
    const process = await net.start();
    const empty = await process.client.checkpoint();
    expect(empty).toMatchObject({ size: 0, signatures: [expect.any(String), expect.any(String)] });
    expect(verifyCheckpoint(empty.note, trustOf(net), true).size).toBe(0);
    expect(await (await fetch(`${process.url}/checkpoint`)).text()).toBe(empty.note);
    await append(process.client, 'shown', 5);
    const { size, note, signatures, waiting } = await process.client.checkpoint();
    expect({ size, waiting }).toEqual({ size: 5, waiting: undefined });
    expect(verifyCheckpoint(note, trustOf(net), true).size).toBe(5);
    expect(signatures).toHaveLength(2);
    expect(await (await fetch(`${process.url}/checkpoint`)).text()).toBe(note);
    // Without anybody asking, a little later.
    await append(process.client, 'unasked', 1);
    await vi.waitFor(async () => {
      expect((await (await fetch(`${process.url}/checkpoint`)).text()).split('\n')[1]).toBe('6');
    }, 10_000);

    const [slow, down, third] = net.witnesses;
    slow.delayMs = 10_000;
    const fromMs = performance.now();
    await append(process.client, 'slow', 3);
    expect((await process.client.checkpoint()).size).toBe(9);
    expect(performance.now() - fromMs).toBeLessThan(8_000);

    slow.delayMs = 0;
    await down.stop();
    await append(process.client, 'one down', 3);
    // The slow one may still be at its old question; then it counts from its answer on.
    await vi.waitFor(async () => expect((await process.client.checkpoint()).size).toBe(12), 30_000);

    // With two down it waits, takes entries, and says why.
    await third.stop();
    await append(process.client, 'two down', 3);
    const late = await process.client.checkpoint();
    expect(late.size).toBe(12);
    expect(late.waiting).toMatchObject({
      code: 'WITNESSES_MISSING',
      message: expect.stringMatching(/1 of 2 .*w[23].*ECONNREFUSED/),
    });
    await expect(proveRecords(process.client, [14])).rejects.toMatchObject({
      code: 'WITNESSES_MISSING',
      retryable: true,
    });
    await expect(anchorArgs(process.client, { size: 0n, root: to0x(new Uint8Array(32)) }, 14)).rejects.toMatchObject({
      code: 'WITNESSES_MISSING',
    });
    expect((await proveRecords(process.client, [11])).entries).toHaveLength(1);

    await third.start([{ origin: net.log.origin, vkeys: [net.log.vkey], anchor: net.anchor }]);
    await vi.waitFor(async () => expect((await process.client.checkpoint()).size).toBe(15), 30_000);
    // The one that was away is told the right proof from where it stands.
    await down.start([{ origin: net.log.origin, vkeys: [net.log.vkey], anchor: net.anchor }]);
    expect(down.sizeOf(net.log.origin)).toBe(9);
    await append(process.client, 'all up', 1);
    await vi.waitFor(() => expect(down.sizeOf(net.log.origin)).toBe(16), 10_000);
    await process.stop();
  });

  it('does not start with yesterday’s database: a witness has seen more, and it says how to recover', async () => {
    const net = await world.newLog();
    let process = await net.start();
    await append(process.client, 'yesterday', 20);
    await process.client.checkpoint();
    await process.stop();
    const yesterday = await world.newDatabase(`yesterday_${world.made}`, `witnessed_${world.made}`);
    process = await net.start();
    await append(process.client, 'today', 5);
    expect((await process.client.checkpoint()).size).toBe(25);
    await process.stop();

    const restored = await net.log.runToEnd(yesterday);
    expect(restored.code).toBe(1);
    expect(restored.stderr).toMatch(
      /LOG_BEHIND_WITNESS: .*20 entries.*w1.*has seen 25 entries[^]*Restore the newest copy/,
    );
    // Nor with none at all; and one witness that was left knows it as well.
    await net.witnesses[0].stop();
    const empty = await net.log.runToEnd(await world.newDatabase(`empty_${world.made}`));
    expect(empty.stderr).toMatch(/LOG_BEHIND_WITNESS: .*0 entries.*w2.*has seen 25 entries/);
    // With one alone nobody could tell, so it waits for another.
    await net.witnesses[1].stop();
    const { log } = net;
    process = await log.start(net.databaseUrl, { ready: false });
    await untilRefusing(log, process);
    // Then today's goes on by itself.
    await net.witnesses[0].start([{ origin: log.origin, vkeys: [log.vkey], anchor: net.anchor }]);
    await expect.poll(async () => (await fetch(`${process.url}/readyz`)).status, { timeout: 60_000 }).toBe(200);
    await append(process.client, 'on', 1);
    await vi.waitFor(async () => expect((await process.client.checkpoint()).size).toBe(26), 30_000);
    await process.stop();
  });

  it('cannot show two histories: the witnesses cosign the one that they saw', async () => {
    const net = await world.newLog();
    const { log, witnesses } = net;
    let process = await net.start();
    await append(process.client, 'one history', 8);
    const shown = await process.client.checkpoint();
    await process.stop();
    // Another tree under the same valid key, as long as the first, and its operator starts it without asking anybody.
    log.publish({ ...net.facts, witnesses: { quorum: 0, members: [] } });
    const forked = await world.newDatabase(`forked_${world.made}`);
    process = await log.start(forked);
    await append(process.client, 'another history', 8);
    const other = await process.client.checkpoint();
    await process.stop();
    const bare = { ...trustOf(net), witnesses: { quorum: 0, vkeys: [] } };
    expect(verifyCheckpoint(other.note, bare).size).toBe(8);
    expect(other.root).not.toBe(shown.root);
    expect(() => verifyCheckpoint(other.note, trustOf(net))).toThrow(/0 witnesses cosigned, 2 are needed/);
    // Whoever holds both has the proof, cosigned or not.
    expect(await checkSplitView([shown.note, other.note], trustOf(net))).toMatchObject({
      ok: false,
      code: 'SPLIT_VIEW',
    });
    for (const { url } of witnesses) {
      for (const [old, status] of [
        [8, 409],
        [0, 409],
      ]) {
        const answer = await fetch(`${url}add-checkpoint`, { method: 'POST', body: `old ${old}\n\n${other.note}` });
        expect([answer.status, await answer.text()]).toEqual([status, '8\n']);
      }
    }
    log.publish(net.facts);
    const fork = await log.runToEnd(forked);
    expect(fork.stderr).toMatch(/LOG_BEHIND_WITNESS: .*another tree of 8 entries/);
  });

  it('goes on under a new key: old checkpoints stay good, and the old key signs nothing new', async () => {
    const net = await world.newLog();
    let process = await net.start();
    await append(process.client, 'old key', 4);
    const old = await process.client.checkpoint();
    await process.stop();
    const next = testLog(path.join(world.dir, `net_${world.made}_next`), net.log.origin);
    const vkeys = [
      { vkey: net.log.vkey, fromSize: 0 },
      { vkey: next.vkey, fromSize: 4 },
    ];
    for (const witness of net.witnesses) {
      await witness.stop();
      await witness.start([{ origin: next.origin, vkeys: [next.vkey], anchor: net.anchor }]);
    }
    next.publish({ ...net.facts, vkeys });
    process = await next.start(net.databaseUrl);
    await append(process.client, 'new key', 3);
    const fresh = await process.client.checkpoint();
    await process.stop();
    const trust = trustOf(net, vkeys);
    expect(verifyCheckpoint(old.note, trust, true).size).toBe(4);
    expect(verifyCheckpoint(fresh.note, trust, true).size).toBe(7);
    expect(() => verifyCheckpoint(fresh.note, trustOf(net))).toThrow(/did not sign/);
    // A key is replaced because somebody else may have it: at a size beyond it counts for nothing.
    const late = trustOf(net, [vkeys[0] ?? vkeys[1], { vkey: next.vkey, fromSize: 3 }] as typeof vkeys);
    expect(() => verifyCheckpoint(old.note, late)).toThrow(/did not sign it with a key that it had at that size/);
    // And the old key's process does not start against the new network file.
    net.log.publish({ ...net.facts, vkeys });
    expect((await net.log.runToEnd(net.databaseUrl)).stderr).toMatch(/CONFIG_INVALID: LOG_KEY_FILE is not what/);
  });
});

describe('the anchor', { timeout: 300_000 }, () => {
  it('takes the log’s checkpoints with the witnesses’ signatures and no other history; the log does not sign below it', async () => {
    const net = await world.newLog();
    const process = await net.start();
    await append(process.client, 'anchored', 270);
    expect(await world.anchor(process.client, net)).toBe(270);
    await append(process.client, 'anchored later', 30);
    expect(await world.anchor(process.client, net)).toBe(300);
    const checkpoint = await process.client.checkpoint();
    const head = { size: 300n, root: to0x(headOf(checkpoint).root) };
    const inclusion = await inclusionArgs(process.client, 255, head);
    expect(fromHex(inclusion.entry).length).toBeGreaterThan(100);

    // Nobody asks for it, and the cadence decides: an hour by the chain's clock, and something new.
    const every = async () => world.anchor(process.client, net, 3_600_000);
    await append(process.client, 'nobody waits', 2);
    expect(await every()).toBeUndefined();
    await world.chain().request({ method: 'evm_increaseTime', params: [3_601] } as never);
    await world.chain().request({ method: 'evm_mine', params: [] } as never);
    expect(await every()).toBe(302);
    expect(await every()).toBeUndefined();
    await process.stop();

    // An empty database does not start, even where no witness is asked.
    net.log.publish({ ...net.facts, witnesses: { quorum: 0, members: [] } });
    const empty = await net.log.runToEnd(await world.newDatabase(`anchored_${world.made}`));
    expect(empty.code).toBe(1);
    expect(empty.stderr).toMatch(/LOG_BEHIND_ANCHOR: .*0 entries.*302[^]*Restore the newest copy/);

    // Nor does the chain take the log's other history, even if a quorum of its witnesses lied for it.
    const other = new NotingLog(net.log.origin, net.log.pem).grow(310, 'another history');
    const message = { origin: keccak256(stringToBytes(net.log.origin)), size: 310n, root: other.tree.root() };
    const signatures = await Promise.all(
      ascending(net.witnesses.slice(0, 2)).map(async ({ account }) =>
        account.sign({ hash: checkpointDigest(net.anchor, message) }),
      ),
    );
    const contract = { address: net.facts.logAnchor, abi: logAnchorAbi, chain: null } as const;
    const args = [message.size, message.root, [], signatures] as const;
    await expect(world.chain().writeContract({ ...contract, functionName: 'anchor', args })).rejects.toThrow(/Fork/);
  });

  it('lets a witness join and another leave by the will of the present ones', async () => {
    const net = await world.newLog();
    const { logAnchor } = net.facts;
    let process = await net.start();
    await append(process.client, 'three', 2);
    await world.anchor(process.client, net);
    await process.stop();
    const [joins] = (await testWitnesses(path.join(world.dir, `net_${world.made}_joins`), 1)) as [TestWitness];
    await joins.start([{ origin: net.log.origin, vkeys: [net.log.vkey], anchor: net.anchor }]);
    world.running.push(joins);
    const [leaves, ...stay] = net.witnesses;
    // First everybody is in, then the log is told of the new set, then the old one goes: it never stands without a quorum.
    await world.changeSigners(net, [leaves, ...stay], { witnesses: [...net.witnesses, joins], nonce: 0n, quorum: 3 });
    const members = [...stay, joins].map(({ member }) => member);
    net.log.publish({ ...net.facts, witnesses: { quorum: 3, members } });
    process = await net.start();
    await append(process.client, 'four', 2);
    expect(await world.anchor(process.client, net)).toBe(4);
    await world.changeSigners(net, [...stay, joins], { witnesses: [...stay, joins], nonce: 1n, quorum: 2 });
    await process.stop();
    net.log.publish({ ...net.facts, witnesses: { quorum: 2, members } });
    process = await net.start();
    await leaves.stop();
    await append(process.client, 'without it', 2);
    expect(await world.anchor(process.client, net)).toBe(6);
    const contract = { address: logAnchor, abi: logAnchorAbi } as const;
    expect(await world.chain().readContract({ ...contract, functionName: 'isSigner', args: [leaves.address] })).toBe(
      false,
    );
    await process.stop();
  });

  it('must be readable before the log signs anything', async () => {
    const net = await world.newLog();
    net.log.publish({ ...net.facts, rpcUrl: `http://127.0.0.1:${await freePort()}` });
    const process = await net.log.start(net.databaseUrl, { ready: false });
    await untilRefusing(net.log, process);
    await process.stop();
  });
});
