import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { network, testTerminal } from '../../../test/support/cli.js';
import { memoryLog } from '../../../test/support/memory-log.js';
import { notedLog, trust } from '../../../test/support/noted-log.js';
import { market, parties, protocolFeeBps, provenanceStory } from '../../../test/support/provenance-story.js';
import { storyEntries, storyReceipt } from '../../../test/support/story-receipt.js';
import { splitOf, to0x, toHex, WeighbridgeError } from '../../kernel/index.js';
import type { LoadedBatch } from '../../provenance/index.js';
import { parseReceipt, pureHasher, splitHashOf } from '../../provenance/verify/index.js';
import type { Adapters, CeramicReader, ChainReader } from '../ports.js';
import { runCli } from '../program.js';
import { compareOnline } from './online.js';

// Real: the receipt, its records, signatures and proofs; the command line. Faked: chain and Ceramic, which only `--online` asks.
const story = await provenanceStory();
const whole = await storyEntries();
const receipt = await storyReceipt();

/** Networks that are asked by `--online` alone, and do not answer. */
const away = {
  chainReader: async () => {
    throw new WeighbridgeError('CHAIN_UNAVAILABLE', 'no chain here', { next: 'Start one.', retryable: true });
  },
  ceramic: async () => ({ loadBatch: async () => undefined, readBatches: async () => [] }),
} as Partial<Adapters> as Adapters;

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'wb-verify-'));
  await writeFile(path.join(dir, 'receipt.json'), receipt);
  await writeFile(path.join(dir, 'trust.json'), JSON.stringify(trust));
  await writeFile(path.join(dir, 'network.json'), JSON.stringify(network));
});
afterEach(async () => rm(dir, { recursive: true, force: true }));

async function run(...args: string[]) {
  const terminal = testTerminal({ cwd: dir });
  const code = await runCli(['verify', path.join(dir, 'receipt.json'), ...args], terminal.io, away);
  return { code, stdout: terminal.stdout(), stderr: terminal.stderr() };
}

describe('verify', () => {
  it('passes an honest receipt, line by line, without any network', async () => {
    const { code, stdout, stderr } = await run('--trust', path.join(dir, 'trust.json'));
    expect(stdout).toMatch(/✓ +log:access-granted/);
    expect(stdout).toMatch(/The receipt holds: (\d+) of \1 checks\./);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).not.toContain('\u001b[');
  });

  it('says when its trust came from the network file', async () => {
    const { code, stdout } = await run('--network', 'network.json');
    expect(code).toBe(0);
    expect(stdout).toContain('Trust was taken from the network file');
  });

  it('names the failing line, and exits with 1', async () => {
    const text = new TextDecoder().decode(receipt).replace('"epochs":20', '"epochs":21');
    await writeFile(path.join(dir, 'receipt.json'), text);
    const { code, stdout, stderr } = await run('--trust', path.join(dir, 'trust.json'));
    expect(code).toBe(1);
    expect(stdout).toMatch(/✗ +training/);
    expect(stderr).toMatch(/error: training: .*\(RECEIPT_INVALID\)\nnext: /);
  });

  it('answers with one JSON value, also when it fails', async () => {
    await writeFile(path.join(dir, 'receipt.json'), '{}');
    const { code, stdout, stderr } = await run('--trust', path.join(dir, 'trust.json'), '--json');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, checks: [{ name: 'file', ok: false }] });
    expect(stderr).toBe('');
  });

  it('tells the weights of this receipt from others', async () => {
    await writeFile(path.join(dir, 'w'), 'not those');
    const { code, stdout, stderr } = await run(
      '--trust',
      path.join(dir, 'trust.json'),
      '--weights',
      path.join(dir, 'w'),
    );
    expect(code).toBe(1);
    expect(stdout).toMatch(/✗ +weights/);
    expect(stderr).toContain('next:  Do not take this file for the model of this receipt, which may hold all the same');
  });

  it('does not blame the receipt for a checkpoint that the log did not sign', async () => {
    await writeFile(path.join(dir, 'note'), 'x');
    const { code, stderr } = await run('--trust', path.join(dir, 'trust.json'), '--checkpoint', path.join(dir, 'note'));
    expect(code).toBe(1);
    expect(stderr).toMatch(/split-view: not a signed note.*\nnext: {2}The log did not sign what --checkpoint names/);
  });

  it.each([
    ['no receipt', ['--trust', 'trust.json'], 2, 'receipt.json'],
    ['no trust file', ['--trust', 'nowhere.json'], 2, undefined],
    ['no trust and no network', [], 2, undefined],
  ])('%s is an error of usage', async (_name, args, code, missing) => {
    if (missing !== undefined) await rm(path.join(dir, missing));
    expect((await run(...args)).code).toBe(code);
  });

  it('keeps the offline verdict when the comparison cannot be made, and says so by its exit code', async () => {
    const { code, stdout, stderr } = await run('--network', 'network.json', '--online');
    expect(code).toBe(3);
    expect(stdout).toMatch(/✓ +signature:job-settled/);
    expect(stdout).toContain('holds offline');
    expect(stderr).toContain('no chain here (CHAIN_UNAVAILABLE)');
  });

  it('catches a change of any character of the file', async () => {
    const text = await readFile(path.join(dir, 'receipt.json'), 'latin1');
    for (let at = 0; at < text.length; at += Math.ceil(text.length / 12)) {
      const changed = text.slice(0, at) + (text[at] === 'a' ? 'b' : 'a') + text.slice(at + 1);
      await writeFile(path.join(dir, 'receipt.json'), changed, 'latin1');
      expect({ at, code: (await run('--trust', path.join(dir, 'trust.json'))).code }).toEqual({ at, code: 1 });
    }
  });
});

describe('verify --online', () => {
  const { head } = memoryLog(whole);
  const parsed = parseReceipt(receipt);
  const shares = splitOf(story.offer, story.order, parties.treasury.address, protocolFeeBps);
  const splitHash = splitHashOf(shares.map(({ to, amount }) => ({ to, amount: amount.toString() })));
  const chain = (over: Partial<ChainReader> = {}): ChainReader =>
    ({
      anchored: async () => ({ size: BigInt(head.size), root: to0x(head.root) }),
      offerOf: async () => story.order.offer,
      order: async () => ({
        state: 'settled',
        buyer: parties.buyer.address,
        keyId: story.keyId,
        amountWei: 0n,
        deadline: 0,
        splitHash,
      }),
      transaction: async () => ({ succeeded: true, to: market.contract }),
      ...over,
    }) as ChainReader;
  const records = whole.map((entry, index) => ({ index, leafHash: toHex(pureHasher.leaf(entry)) }));
  const ceramic = (published: typeof records): CeramicReader => ({
    loadBatch: async () => undefined,
    readBatches: async () => [{ batch: { records: published } } as unknown as LoadedBatch],
  });
  const failing = async (chainReader: ChainReader, ceramicReader: CeramicReader) => {
    const log = { checkpoint: notedNote, tile: memoryLog(whole).tile };
    const comparisons = await compareOnline(receipt, chainReader, ceramicReader, log);
    return comparisons.flatMap(({ checks }) => checks.filter(({ ok }) => !ok).map(({ name }) => name));
  };
  const notedNote = async () => (await notedLog(whole).checkpoint()).note;

  it('agrees with a chain and streams that hold the same', async () => {
    expect(parsed.order.orderId).toBe(story.orderId);
    expect(await failing(chain(), ceramic(records))).toEqual([]);
  });

  it('agrees with a chain that has not anchored the settlement yet', async () => {
    const older = memoryLog(whole.slice(0, 4)).head;
    const behind = { anchored: async () => ({ size: 4n, root: to0x(older.root) }) };
    const log = { checkpoint: notedNote, tile: memoryLog(whole.slice(0, 4)).tile };
    const comparisons = await compareOnline(receipt, chain(behind), ceramic(records), log);
    expect(comparisons[0]?.checks.at(-1)).toMatchObject({
      name: 'chain:anchor',
      ok: true,
      detail: expect.stringContaining('4 of 5'),
    });
  });

  it('sees a chain that holds another history, or another order', async () => {
    const forked = { anchored: async () => ({ size: 5n, root: to0x(new Uint8Array(32)) }) };
    expect(await failing(chain(forked), ceramic(records))).toEqual(['chain:anchor']);
    const refunded = { order: async () => ({ ...(await chain().order(story.orderId)), state: 'refunded' as const }) };
    expect(await failing(chain(refunded), ceramic(records))).toEqual(['chain:order']);
    expect(await failing(chain({ transaction: async () => undefined }), ceramic(records))).toEqual([
      'chain:transaction',
    ]);
  });

  it('sees a stream that holds another record', async () => {
    const other = records.map((record) => (record.index === 2 ? { ...record, leafHash: '00'.repeat(32) } : record));
    expect(await failing(chain(), ceramic(other))).toEqual(['ceramic:access-granted']);
  });
});
