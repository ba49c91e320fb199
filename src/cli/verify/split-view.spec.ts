import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testTerminal } from '../../../test/support/cli.js';
import { signNote, trust } from '../../../test/support/noted-log.js';
import { writeStaticLog } from '../../../test/support/static-log.js';
import { storyEntries, storyReceipt } from '../../../test/support/story-receipt.js';
import { formatCheckpoint } from '../../provenance/verify/index.js';
import type { Adapters } from '../ports.js';
import { runCli } from '../program.js';

// Real: two trees that one log key signed, each with a receipt that holds by itself, their tiles as files; the command line.
let dir: string;
const at = (...names: string[]) => path.join(dir, ...names);

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'wb-split-'));
  await writeFile(at('trust.json'), JSON.stringify(trust));
  for (const [name, history] of [
    ['one', ''],
    ['two', ', of another history'],
  ] as const) {
    for (const size of [6, 300]) {
      await writeStaticLog(at(`${name}-${size}`), await storyEntries({ size, history }));
      await writeFile(at(`${name}-${size}.json`), await storyReceipt({ size, history }));
    }
  }
});
afterAll(async () => rm(dir, { recursive: true, force: true }));

async function verify(...args: string[]) {
  const terminal = testTerminal({ cwd: dir });
  const code = await runCli(
    ['verify', ...args, '--trust', at('trust.json'), '--json'],
    terminal.io,
    {} as Partial<Adapters> as Adapters,
  );
  const printed = JSON.parse(terminal.stdout()) as { checks: { name: string; ok: boolean; code?: string }[] };
  return { code, split: printed.checks.find(({ name }) => name === 'split-view') };
}
const receipt = (of: string) => at(`${of}.json`);
const checkpoint = (of: string) => ['--checkpoint', at(of, 'checkpoint')];

describe('two trees under one log key', () => {
  it('each with a receipt that holds, are refused given either’s checkpoint', async () => {
    for (const [mine, other] of [
      ['one-6', 'two-6'],
      ['two-6', 'one-6'],
    ] as const) {
      expect((await verify(receipt(mine))).code).toBe(0);
      expect(await verify(receipt(mine), ...checkpoint(mine))).toMatchObject({ code: 0, split: { ok: true } });
      expect(await verify(receipt(mine), ...checkpoint(other))).toMatchObject({
        code: 1,
        split: { ok: false, code: 'SPLIT_VIEW' },
      });
    }
  });

  it('of different sizes, are told from one tree that grew by the tiles of either', async () => {
    for (const [small, large, held] of [
      ['one-6', 'one-300', true],
      ['one-6', 'two-300', false],
      ['two-6', 'one-300', false],
    ] as const) {
      const expected = held ? { code: 0, split: { ok: true } } : { code: 1, split: { ok: false, code: 'SPLIT_VIEW' } };
      const log = ['--log', at(large)];
      expect(await verify(receipt(small), ...checkpoint(large), ...log)).toMatchObject(expected);
      expect(await verify(receipt(large), ...checkpoint(small), ...log)).toMatchObject(expected);
      expect(await verify(...log, ...checkpoint(small))).toMatchObject(expected);
    }
  });

  it('are not taken for one where nothing shows it', async () => {
    const unknown = { code: 1, split: { ok: false, code: 'NO_CONSISTENCY' } };
    expect(await verify(receipt('one-6'), ...checkpoint('one-300'))).toMatchObject(unknown);
    // The mirror is older than what it is asked about.
    expect(await verify(receipt('one-6'), ...checkpoint('one-300'), '--log', at('one-6'))).toMatchObject(unknown);
    expect(await verify('--log', at('one-6'), ...checkpoint('one-300'))).toMatchObject(unknown);
    // A mirror with a tile that is not its checkpoint's shows nothing either, and accuses nobody.
    await writeStaticLog(at('bent'), await storyEntries({ size: 300 }));
    await writeFile(at('bent/tile/0/000'), new Uint8Array(256 * 32));
    expect(await verify(receipt('one-6'), ...checkpoint('one-6'), '--log', at('bent'))).toMatchObject(unknown);
  });

  it('count only if the log’s key signed them', async () => {
    const text = formatCheckpoint({ origin: trust.log.origin, size: 6, root: new Uint8Array(32) });
    for (const [name, note] of [
      ['stranger', signNote(text, { secret: new Uint8Array(32).fill(9) })],
      ['unsigned', text],
      ['binary', '\u0000'],
    ] as const) {
      await writeFile(at(name), note);
      expect(await verify(receipt('one-6'), '--checkpoint', at(name)), name).toMatchObject({
        code: 1,
        split: { ok: false, code: 'BAD_CHECKPOINT' },
      });
    }
  });

  it('says what a receipt beside a log is good for', async () => {
    const terminal = testTerminal({ cwd: dir });
    const args = ['verify', receipt('one-6'), '--log', at('one-6')];
    expect(await runCli(args, terminal.io, {} as Partial<Adapters> as Adapters)).toBe(2);
    expect(terminal.stderr()).toContain('--checkpoint');
  });
});
