import { describe, expect, it } from 'vitest';
import { memoryLog } from '../../test/support/memory-log.js';
import { notedLog } from '../../test/support/noted-log.js';
import { to0x, utf8, WeighbridgeError } from '../kernel/index.js';
import type { AnchorCall } from './anchor-args.js';
import { anchorWhenDue } from './anchor-when-due.js';

// Real: the log's tree and its proofs. Faked: the chain (`test/medium/log-witnesses.spec.ts` has LogAnchor).
const entries = Array.from({ length: 9 }, (_, i) => utf8(`entry ${i}`));
const MINUTE_MS = 60_000;

function chainAt(size: number, atSeconds: number, nowSeconds: number) {
  const head = size === 0 ? { size: 0, root: new Uint8Array(32) } : memoryLog(entries.slice(0, size)).head;
  const state = { size: BigInt(head.size), root: to0x(head.root), atSeconds };
  const calls: AnchorCall[] = [];
  const chain = {
    anchored: async () => ({ ...state }),
    now: async () => nowSeconds,
    anchor: async (call: AnchorCall) => {
      calls.push(call);
      return to0x(new Uint8Array(32));
    },
  };
  return { chain, calls, state };
}

describe('anchoring without a job', () => {
  it('waits until the last anchor is old enough, by the chain’s own clock', async () => {
    const early = chainAt(4, 1_000, 1_059);
    expect(await anchorWhenDue(notedLog(entries), early.chain, MINUTE_MS)).toBeUndefined();
    const due = chainAt(4, 1_000, 1_060);
    expect(await anchorWhenDue(notedLog(entries), due.chain, MINUTE_MS)).toBe(9);
    expect([early.calls.length, due.calls.map(({ size }) => size)]).toEqual([0, [9n]]);
    const first = chainAt(0, 0, 1_000_000);
    expect(await anchorWhenDue(notedLog(entries), first.chain, MINUTE_MS)).toBe(9);
  });

  it('spends nothing while there is nothing new', async () => {
    const { chain, calls } = chainAt(9, 0, 1_000_000);
    expect(await anchorWhenDue(notedLog(entries), chain, MINUTE_MS)).toBeUndefined();
    expect(calls).toEqual([]);
  });

  it('is content when another worker was faster, and not when the chain refuses', async () => {
    const refuses = async (): Promise<never> => {
      throw new WeighbridgeError('TRANSACTION_REVERTED', 'NotNewer', { next: 'Look again.' });
    };
    const raced = chainAt(4, 0, 1_000_000);
    const overtaken = { ...raced.chain, anchor: async () => ((raced.state.size = 9n), refuses()) };
    expect(await anchorWhenDue(notedLog(entries), overtaken, MINUTE_MS)).toBeUndefined();
    const refused = { ...chainAt(4, 0, 1_000_000).chain, anchor: refuses };
    await expect(anchorWhenDue(notedLog(entries), refused, MINUTE_MS)).rejects.toMatchObject({
      code: 'TRANSACTION_REVERTED',
    });
  });

  it('sends nothing for a log that contradicts what is anchored', async () => {
    const other = chainAt(4, 0, 1_000_000);
    const forked = [utf8('another'), ...entries.slice(1)];
    await expect(anchorWhenDue(notedLog(forked), other.chain, MINUTE_MS)).rejects.toMatchObject({
      code: 'LOG_BEHIND_ANCHOR',
    });
    expect(other.calls).toEqual([]);
  });
});
