// Real: records, checkpoints, proofs. Faked: where tiles and batches come from; test/medium/ceramic.spec.ts has the real node.
import { describe, expect, it } from 'vitest';
import { memoryLog } from '../../../test/support/memory-log.js';
import { ORIGIN, signNote, trust } from '../../../test/support/noted-log.js';
import { provenanceStory } from '../../../test/support/provenance-story.js';
import { toHex, WeighbridgeError } from '../../kernel/index.js';
import { pureHasher } from '../../provenance/verify/rfc6962.js';
import type { LoadedBatch } from '../../provenance/index.js';
import { formatCheckpoint } from '../../provenance/verify/index.js';
import { auditCeramic, type CeramicHistory } from './ceramic-history.js';
import { scanLog } from './scan.js';

const story = await provenanceStory();
const { listed, licensed, granted, completed, settled } = story.entries;
const whole = [listed, licensed, granted, completed, settled];
const noteOf = (entries: readonly Uint8Array[]): string =>
  signNote(formatCheckpoint({ origin: ORIGIN, ...memoryLog(entries).head }));

/** Batch `seq` of the entries from one log index up to another, as a node hands it out once it is verified. */
function batchOf(seq: number, from: number, to: number, changes: Partial<LoadedBatch['batch']> = {}): LoadedBatch {
  const records = whole
    .slice(from, to)
    .map((entry, i) => ({ index: from + i, leafHash: toHex(pureHasher.leaf(entry)) }));
  const at = '2026-11-25T12:00:00.000Z';
  const previous = seq === 1 ? {} : { previous: `commit ${seq - 1}` };
  const batch = {
    keyId: story.keyId,
    seq,
    count: records.length,
    records,
    ...previous,
    from: at,
    to: at,
    origin: ORIGIN,
  };
  const content = { ...batch, checkpoint: noteOf(whole.slice(0, to)), ...changes };
  return { streamId: `stream ${seq}`, commitId: `commit ${seq}`, anchored: true, batch: content };
}

/** @param batches - by sequence number, from 1; an error stands for one that does not verify */
async function history(batches: (LoadedBatch | undefined | WeighbridgeError)[], log = whole): Promise<CeramicHistory> {
  const { head, tile } = memoryLog(log);
  const reader = { tile, checkpoint: async () => noteOf(log) };
  const scan = await scanLog(reader, head, trust, story.keyId);
  const loadBatch = async (_keyId: string, seq: number): Promise<LoadedBatch | undefined> => {
    const batch = batches[seq - 1];
    if (batch instanceof WeighbridgeError) throw batch;
    return batch;
  };
  return auditCeramic(scan, { reader, head }, trust, { loadBatch });
}

const three = [batchOf(1, 0, 2), batchOf(2, 2, 3), batchOf(3, 3, 5)];

describe('the history that Ceramic has', () => {
  it('agrees with the log, batch by batch, and may be behind it', async () => {
    expect(await history(three)).toMatchObject({ ok: true, detail: '5 records in 3 batches' });
    const { ok, detail, batches } = await history(three.slice(0, 2));
    expect([ok, detail]).toEqual([true, '3 records in 2 batches; the newest 2 of the log not yet']);
    expect(batches).toEqual([
      { seq: 1, records: 2, checkpointSize: 2 },
      { seq: 2, records: 1, checkpointSize: 3 },
    ]);
  });

  it('is newer than the checkpoint that was read: what came later is no fault', async () => {
    expect(await history(three, whole.slice(0, 3))).toMatchObject({ ok: true });
  });

  it.each<[string, number, (LoadedBatch | undefined | WeighbridgeError)[], string]>([
    ['a batch is missing', 2, [three[0], undefined, three[2]], 'missing: batch 2 is not there'],
    [
      'a record is another',
      3,
      [three[0], three[1], batchOf(3, 3, 5, { records: [{ index: 0, leafHash: '0' }] })],
      'altered: batch 3 has another record at 0',
    ],
    [
      'a batch does not verify',
      2,
      [three[0], new WeighbridgeError('PROOF_INVALID', 'forged', { next: '-' }), three[2]],
      'altered: batch 2 does not verify: forged',
    ],
    [
      'a batch names another before it',
      2,
      [three[0], batchOf(2, 2, 3, { previous: 'other' }), three[2]],
      'altered: batch 2 does not name the batch before it',
    ],
    [
      'a checkpoint is not of the log',
      1,
      [batchOf(1, 0, 2, { checkpoint: 'no note' })],
      'altered: batch 1 has a checkpoint that is not the log',
    ],
    [
      'a checkpoint does not cover its records',
      2,
      [three[0], batchOf(2, 2, 3, { checkpoint: noteOf(whole.slice(0, 2)) })],
      'altered: batch 2 has a checkpoint of 2 entries over a record at 2',
    ],
    [
      'a checkpoint is of another history',
      1,
      [batchOf(1, 0, 2, { checkpoint: noteOf([granted, settled]) })],
      'altered: batch 1 has a checkpoint of 2 entries of another history',
    ],
  ])('does not agree when %s, and names the batch', async (_what, seq, batches, detail) => {
    const found = await history(batches);
    expect(found).toMatchObject({ ok: false, code: 'NOT_IN_LOG', detail: expect.stringContaining(detail) as unknown });
    expect(found.batches.find(({ problem }) => problem !== undefined)?.seq).toBe(seq);
  });

  it('is neither there nor altered when Ceramic does not answer', async () => {
    const away = new WeighbridgeError('CERAMIC_UNAVAILABLE', 'no answer', { next: '-', retryable: true });
    await expect(history([three[0], away])).rejects.toBe(away);
  });

  it('does not agree when the log has an entry that no batch has, or lacks one that a batch has', async () => {
    const skipping = [batchOf(1, 0, 2), batchOf(2, 3, 5)];
    expect(await history(skipping)).toMatchObject({
      ok: false,
      detail: expect.stringContaining('missing: the record at 2') as unknown,
    });
    const other = [listed, licensed, granted, completed, new TextEncoder().encode('another dataset’s')];
    const found = await history([batchOf(1, 0, 4), batchOf(2, 4, 5, { checkpoint: noteOf(other) })], other);
    expect(found).toMatchObject({ ok: false, detail: 'extra: batch 2 has a record at 4 that the log has not' });
  });
});
