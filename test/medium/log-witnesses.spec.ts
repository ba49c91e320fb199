// Real: PostgreSQL, the log process, anvil with LogAnchor, three witnesses with their state on disk (in this process, so
// that a test can make one slow; `witness.spec.ts` has the process). Faked: who signed the entries, which nobody here judges.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { createWalletClient, http, keccak256, publicActions, stringToBytes } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  checkpointDigest,
  fromHex,
  signerSetDigest,
  to0x,
  type Address,
  type Deployed,
  type Hex,
} from '../../src/kernel/index.js';
import {
  anchorArgs,
  anchorWhenDue,
  checkSplitView,
  headOf,
  inclusionArgs,
  proveRecords,
  verifyCheckpoint,
  type LogClient,
} from '../../src/provenance/index.js';
import { logAnchorAbi } from '../../web3/chain/abi/log-anchor.js';
import { createAnchorChain } from '../../web3/chain/anchor-chain.js';
import { DEVNET_CHAIN_ID, startAnvil, type Anvil } from '../../web3/devnet/anvil.js';
import { deployContracts } from '../../web3/devnet/deploy.js';
import { startPostgres, type EmbeddedPostgres } from '../../web3/devnet/postgres.js';
import { freePort } from '../../web3/devnet/service.js';
import {
  networkOf,
  testLog,
  wellFormedEntry,
  type LogProcess,
  type NetworkFacts,
  type TestLog,
} from '../support/log-process.js';
import { testWitnesses, type TestWitness } from '../support/witness-net.js';

const dir = mkdtempSync(path.join(tmpdir(), 'weighbridge-witnessed-'));
const deployer = privateKeyToAccount(generatePrivateKey());
let postgres: EmbeddedPostgres;
let anvil: Anvil;
const running: { stop(): Promise<void> }[] = [];

beforeAll(async () => {
  postgres = await startPostgres(path.join(dir, 'pg'), await freePort());
  anvil = await startAnvil({ dir: path.join(dir, 'anvil'), port: await freePort(), blockTimeSeconds: 0 });
});
afterAll(async () => {
  await Promise.all(running.map(async (service) => service.stop()));
  await anvil?.stop();
  await postgres?.stop();
  rmSync(dir, { recursive: true, force: true });
});

interface Net {
  log: TestLog;
  anchor: Deployed;
  facts: NetworkFacts;
  witnesses: [TestWitness, TestWitness, TestWitness];
  databaseUrl: string;
  start(databaseUrl?: string): Promise<LogProcess>;
}

let made = 0;
/** A log with an empty database, a LogAnchor, and three witnesses of which two must cosign. */
async function newNet(): Promise<Net> {
  const own = path.join(dir, `net_${++made}`);
  const log = testLog(own);
  const witnesses = (await testWitnesses(own)) as Net['witnesses'];
  const { logAnchor } = await deployContracts({
    rpcUrl: anvil.rpcUrl,
    deployer,
    anchorSigners: witnesses.map(({ address }) => address),
    quorum: 2,
    logOrigin: log.origin,
    treasury: deployer.address,
    protocolFeeBps: 0,
  });
  const anchor = { chainId: DEVNET_CHAIN_ID, contract: logAnchor };
  for (const witness of witnesses) {
    await witness.start([{ origin: log.origin, vkeys: [log.vkey], anchor }]);
    running.push(witness);
  }
  const members = witnesses.map(({ member }) => member);
  const facts = { rpcUrl: anvil.rpcUrl, chainId: DEVNET_CHAIN_ID, logAnchor, witnesses: { quorum: 2, members } };
  log.publish(facts);
  const databaseUrl = await newDatabase(`witnessed_${made}`);
  const start = async (url = databaseUrl): Promise<LogProcess> => {
    const process = await log.start(url, { env: { LOG_CHECKPOINT_MS: '200' } });
    running.push(process);
    return process;
  };
  return { log, anchor, facts, witnesses, databaseUrl, start };
}

async function newDatabase(name: string, template = 'template1'): Promise<string> {
  const client = new Client({ connectionString: postgres.url('postgres') });
  await client.connect();
  await client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  await client.end();
  return postgres.url(name);
}

async function append(client: LogClient, seed: string, count: number): Promise<void> {
  const entries = await Promise.all(Array.from({ length: count }, async (_, i) => wellFormedEntry(`${seed} ${i}`)));
  await Promise.all(entries.map(async (entry) => client.append(entry)));
}

function trustOf({ log, witnesses }: Net, vkeys = [{ vkey: log.vkey, fromSize: 0 }]) {
  return { log: { origin: log.origin, vkeys }, witnesses: { quorum: 2, vkeys: witnesses.map(({ vkey }) => vkey) } };
}

const chain = () => createWalletClient({ account: deployer, transport: http(anvil.rpcUrl) }).extend(publicActions);

const anchorChain = ({ facts, log }: Net) =>
  createAnchorChain({ network: networkOf(facts, log.origin, log.vkey), account: deployer });

/** Anchors the log's newest checkpoint on the real contract. @returns its size */
async function anchor(client: LogClient, net: Net): Promise<number | undefined> {
  return anchorWhenDue(client, anchorChain(net), 0);
}

async function done(sent: Promise<Hex>): Promise<void> {
  expect((await chain().waitForTransactionReceipt({ hash: await sent })).status).toBe('success');
}

describe('a witnessed log', { timeout: 120_000 }, () => {
  it('shows a checkpoint only with a quorum of cosignatures, on demand at once', async () => {
    const net = await newNet();
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
    await process.stop();
  });

  it('is held up by no slow witness and by none that is down; with two down it waits, takes entries, and says why', async () => {
    const net = await newNet();
    const [slow, down, third] = net.witnesses;
    const process = await net.start();
    slow.delayMs = 10_000;
    const fromMs = performance.now();
    await append(process.client, 'slow', 3);
    expect((await process.client.checkpoint()).size).toBe(3);
    expect(performance.now() - fromMs).toBeLessThan(8_000);

    slow.delayMs = 0;
    await down.stop();
    await append(process.client, 'one down', 3);
    // The slow one may still be at its old question; then it counts from its answer on.
    await vi.waitFor(async () => expect((await process.client.checkpoint()).size).toBe(6), 30_000);

    await third.stop();
    await append(process.client, 'two down', 3);
    const { size, waiting } = await process.client.checkpoint();
    expect(size).toBe(6);
    expect(waiting).toMatchObject({
      code: 'WITNESSES_MISSING',
      message: expect.stringMatching(/1 of 2 .*w[23].*ECONNREFUSED/),
    });
    await expect(proveRecords(process.client, [8])).rejects.toMatchObject({
      code: 'WITNESSES_MISSING',
      retryable: true,
    });
    await expect(anchorArgs(process.client, { size: 0n, root: to0x(new Uint8Array(32)) }, 8)).rejects.toMatchObject({
      code: 'WITNESSES_MISSING',
    });
    expect((await proveRecords(process.client, [5])).entries).toHaveLength(1);

    await third.start([{ origin: net.log.origin, vkeys: [net.log.vkey], anchor: net.anchor }]);
    await vi.waitFor(async () => expect((await process.client.checkpoint()).size).toBe(9), 30_000);
    // The one that was away is told the right proof from where it stands.
    await down.start([{ origin: net.log.origin, vkeys: [net.log.vkey], anchor: net.anchor }]);
    expect(down.sizeOf(net.log.origin)).toBe(3);
    await append(process.client, 'all up', 1);
    await vi.waitFor(() => expect(down.sizeOf(net.log.origin)).toBe(10), 10_000);
    await process.stop();
  });

  it('does not start with yesterday’s database: a witness has seen more, and it says how to recover', async () => {
    const net = await newNet();
    let process = await net.start();
    await append(process.client, 'yesterday', 20);
    await process.client.checkpoint();
    await process.stop();
    const yesterday = await newDatabase(`yesterday_${made}`, `witnessed_${made}`);
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
    const empty = await net.log.runToEnd(await newDatabase(`empty_${made}`));
    expect(empty.stderr).toMatch(/LOG_BEHIND_WITNESS: .*0 entries.*w2.*has seen 25 entries/);
    // With one alone nobody could tell, so it waits for another.
    await net.witnesses[1].stop();
    process = await net.log.start(net.databaseUrl, { ready: false });
    await delay(1_500);
    expect((await fetch(`${process.url}/readyz`)).status).toBe(503);
    await process.stop();
    // Today's goes on.
    const { log } = net;
    await net.witnesses[0].start([{ origin: log.origin, vkeys: [log.vkey], anchor: net.anchor }]);
    process = await net.start();
    await append(process.client, 'on', 1);
    await vi.waitFor(async () => expect((await process.client.checkpoint()).size).toBe(26), 10_000);
    await process.stop();
  });

  it('cannot show two histories: the witnesses cosign the one that they saw', async () => {
    const net = await newNet();
    const { log, witnesses } = net;
    let process = await net.start();
    await append(process.client, 'one history', 8);
    const shown = await process.client.checkpoint();
    await process.stop();
    // Another tree under the same valid key, as long as the first, and its operator starts it without asking anybody.
    log.publish({ ...net.facts, witnesses: { quorum: 0, members: [] } });
    const forked = await newDatabase(`forked_${made}`);
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
    const net = await newNet();
    let process = await net.start();
    await append(process.client, 'old key', 4);
    const old = await process.client.checkpoint();
    await process.stop();
    const next = testLog(path.join(dir, `net_${made}_next`), net.log.origin);
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

describe('the anchor', { timeout: 120_000 }, () => {
  it('takes the log’s checkpoints with the witnesses’ signatures, and the log does not sign below it', async () => {
    const net = await newNet();
    let process = await net.start();
    await append(process.client, 'anchored', 300);
    expect(await anchor(process.client, net)).toBe(300);
    await append(process.client, 'anchored later', 400);
    expect(await anchor(process.client, net)).toBe(700);
    const checkpoint = await process.client.checkpoint();
    const head = { size: 700n, root: to0x(headOf(checkpoint).root) };
    const inclusion = await inclusionArgs(process.client, 255, head);
    expect(fromHex(inclusion.entry).length).toBeGreaterThan(100);
    await process.stop();

    // Nobody asks for it, and the cadence decides: an hour by the chain's clock, and something new.
    const every = async () => anchorWhenDue(process.client, anchorChain(net), 3_600_000);
    process = await net.start();
    await append(process.client, 'nobody waits', 2);
    expect(await every()).toBeUndefined();
    await chain().request({ method: 'evm_increaseTime', params: [3_601] } as never);
    await chain().request({ method: 'evm_mine', params: [] } as never);
    expect(await every()).toBe(702);
    expect(await every()).toBeUndefined();
    await process.stop();

    // The same database starts again; an empty one does not, even where no witness is asked.
    process = await net.start();
    await process.stop();
    net.log.publish({ ...net.facts, witnesses: { quorum: 0, members: [] } });
    const empty = await net.log.runToEnd(await newDatabase(`anchored_${made}`));
    expect(empty.code).toBe(1);
    expect(empty.stderr).toMatch(/LOG_BEHIND_ANCHOR: .*0 entries.*702[^]*Restore the newest copy/);
  });

  it('refuses the log’s other history, whoever signed it', async () => {
    const net = await newNet();
    let process = await net.start();
    await append(process.client, 'one', 6);
    await anchor(process.client, net);
    await process.stop();
    const forked = await newDatabase(`two_${made}`);
    const other = { ...net.facts, logAnchor: await unused() };
    net.log.publish({ ...other, witnesses: { quorum: 0, members: [] } });
    process = await net.log.start(forked);
    await append(process.client, 'two', 9);
    const { size, root } = await process.client.checkpoint();
    await process.stop();
    const message = { origin: keccak256(stringToBytes(net.log.origin)), size: BigInt(size), root: to0x(fromHex(root)) };
    // Even if a quorum of its witnesses lied for it.
    const signed = net.witnesses
      .slice(0, 2)
      .toSorted((a, b) => (a.address.toLowerCase() < b.address.toLowerCase() ? -1 : 1));
    const signatures = await Promise.all(
      signed.map(async ({ account }) => account.sign({ hash: checkpointDigest(net.anchor, message) })),
    );
    const contract = { address: net.facts.logAnchor, abi: logAnchorAbi, chain: null } as const;
    const args = [message.size, message.root, [], signatures] as const;
    await expect(chain().writeContract({ ...contract, functionName: 'anchor', args })).rejects.toThrow(/Fork/);
  });

  it('lets a witness join and another leave by the will of the present ones', async () => {
    const net = await newNet();
    const { logAnchor } = net.facts;
    let process = await net.start();
    await append(process.client, 'three', 2);
    await anchor(process.client, net);
    await process.stop();
    const [joins] = (await testWitnesses(path.join(dir, `net_${made}_joins`), 1)) as [TestWitness];
    await joins.start([{ origin: net.log.origin, vkeys: [net.log.vkey], anchor: net.anchor }]);
    running.push(joins);
    const [leaves, ...stay] = net.witnesses;
    // First everybody is in, then the log is told of the new set, then the old one goes: it never stands without a quorum.
    await change(net, [leaves, ...stay], [...net.witnesses, joins], 0n, 3);
    const members = [...stay, joins].map(({ member }) => member);
    net.log.publish({ ...net.facts, witnesses: { quorum: 3, members } });
    process = await net.start();
    await append(process.client, 'four', 2);
    expect(await anchor(process.client, net)).toBe(4);
    await change(net, [...stay, joins], [...stay, joins], 1n, 2);
    await process.stop();
    net.log.publish({ ...net.facts, witnesses: { quorum: 2, members } });
    process = await net.start();
    await leaves.stop();
    await append(process.client, 'without it', 2);
    expect(await anchor(process.client, net)).toBe(6);
    const contract = { address: logAnchor, abi: logAnchorAbi } as const;
    expect(await chain().readContract({ ...contract, functionName: 'isSigner', args: [leaves.address] })).toBe(false);
    await process.stop();
  });

  it('must be readable before the log signs anything', async () => {
    const net = await newNet();
    net.log.publish({ ...net.facts, rpcUrl: `http://127.0.0.1:${await freePort()}` });
    const process = await net.log.start(net.databaseUrl, { ready: false });
    await delay(1_500);
    expect((await fetch(`${process.url}/readyz`)).status).toBe(503);
    expect((await fetch(`${process.url}/checkpoint`)).status).toBe(503);
    await process.stop();
  });
});

async function unused(): Promise<Address> {
  const { logAnchor } = await deployContracts({
    rpcUrl: anvil.rpcUrl,
    deployer,
    anchorSigners: [deployer.address],
    quorum: 1,
    logOrigin: 'log.example/test',
    treasury: deployer.address,
    protocolFeeBps: 0,
  });
  return logAnchor;
}

/** `LogAnchor.changeSigners`, signed by some of the present witnesses. */
async function change(net: Net, by: TestWitness[], to: TestWitness[], nonce: bigint, quorum: number): Promise<void> {
  const signers = to.map(({ address }) => address);
  const origin = keccak256(stringToBytes(net.log.origin));
  const hash = signerSetDigest(net.anchor, { origin, nonce, signers, quorum });
  const ascending = by.toSorted((a, b) => (a.address.toLowerCase() < b.address.toLowerCase() ? -1 : 1));
  const signatures = await Promise.all(ascending.map(async ({ account }) => account.sign({ hash })));
  const contract = { address: net.facts.logAnchor, abi: logAnchorAbi, chain: null } as const;
  const args = [signers, quorum, signatures] as const;
  await done(chain().writeContract({ ...contract, functionName: 'changeSigners', args }));
}
