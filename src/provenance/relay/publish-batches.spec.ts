import { expect, it } from 'vitest';
import type { Bytes32 } from '../../kernel/index.js';
import type { RecordStreams, RelayStore } from './ports.js';
import { BatchPublisher } from './publish-batches.js';
import type { RecordBatch } from './record-batch.js';

const [healthy, failing] = [`0x${'a'.repeat(64)}`, `0x${'b'.repeat(64)}`] as const;

it('makes a dataset whose batch fails wait, longer each time, and no other', async () => {
  let nowMs = 0;
  const attempts: string[] = [];
  const store = memoryStore();
  const streams: Pick<RecordStreams, 'publishBatch'> = {
    publishBatch: async ({ keyId, seq }) => {
      attempts.push(`${nowMs} ${keyId === failing ? 'failing' : 'healthy'} ${seq}`);
      if (keyId === failing && nowMs < 3_000) throw new Error('down');
      return { streamId: `${keyId} ${seq}`, commitId: `${keyId} ${seq}` };
    },
  };
  const options = { origin: 'o', maxRecords: 1 };
  const publisher = new BatchPublisher(store, streams as RecordStreams, options, () => nowMs);
  for (nowMs = 0; nowMs <= 4_000; nowMs += 250) await publisher.runOnce();

  expect(attempts.filter((line) => line.includes('failing'))).toEqual([
    '0 failing 1',
    '500 failing 1',
    '1500 failing 1',
    '3500 failing 1',
    '3750 failing 2',
    '4000 failing 3',
  ]);
  expect(attempts.filter((line) => line.includes('healthy'))).toHaveLength(17);
});

it('begins the next batch of one dataset while that of another is slow, and never two of one', async () => {
  let answerSlow: () => void = () => undefined;
  const slow = new Promise<void>((resolve) => (answerSlow = resolve));
  const begun: string[] = [];
  const streams: Pick<RecordStreams, 'publishBatch'> = {
    publishBatch: async ({ keyId, seq }) => {
      begun.push(`${keyId === failing ? 'slow' : 'quick'} ${seq}`);
      if (keyId === failing) await slow;
      return { streamId: 's', commitId: 'c' };
    },
  };
  const options = { origin: 'o', maxRecords: 1 };
  const publisher = new BatchPublisher(memoryStore(), streams as RecordStreams, options);
  const rounds = [];
  for (let i = 0; i < 3; i++) {
    const round = await publisher.begin();
    rounds.push(...round);
    // The quick one is through before the next round; the slow one is not.
    await round[0];
  }
  expect(begun).toEqual(['quick 1', 'slow 1', 'quick 2', 'quick 3']);
  answerSlow();
  await publisher.settled();
  expect(await Promise.all(rounds)).toEqual([true, true, true, true]);
});

/** A store in memory where both datasets always have one more record. */
function memoryStore(): RelayStore {
  const next = new Map<Bytes32, number>([
    [healthy, 1],
    [failing, 1],
  ]);
  const fixed = new Map<Bytes32, RecordBatch>();
  return {
    cursor: async () => 0,
    add: async () => true,
    fixDue: async () => {
      for (const [keyId, seq] of next) if (!fixed.has(keyId)) fixed.set(keyId, batchOf(keyId, seq));
    },
    fixedBatches: async (_, except) => [...fixed.values()].filter(({ keyId }) => !except.includes(keyId)),
    markPublished: async ({ keyId, seq }) => {
      fixed.delete(keyId);
      next.set(keyId, seq + 1);
    },
  };
}

function batchOf(keyId: Bytes32, seq: number): RecordBatch {
  const at = '2026-11-25T12:00:00.000Z';
  const records = [{ index: seq, leafHash: 'c'.repeat(64) }];
  return { keyId, seq, count: 1, records, from: at, to: at, origin: 'o', checkpoint: 'a note' };
}
