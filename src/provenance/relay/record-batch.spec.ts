import { expect, it } from 'vitest';
import { recordBatch } from './record-batch.js';

const record = (index: number) => ({ index, leafHash: 'c'.repeat(64) });
const good = {
  keyId: `0x${'a'.repeat(64)}`,
  seq: 2,
  count: 2,
  records: [record(3), record(7)],
  previous: 'k2t6',
  from: '2026-11-25T12:00:00.000Z',
  to: '2026-11-25T12:00:01.000Z',
  origin: 'log.example',
  checkpoint: 'log.example\n8\n',
};

it('takes a well-formed batch', () => {
  expect(recordBatch.parse(good)).toEqual(good);
});

it.each([
  ['a wrong count', { count: 3 }],
  ['records out of order', { records: [record(7), record(3)] }],
  ['a record twice', { records: [record(3), record(3)] }],
  ['no record', { records: [], count: 0 }],
  ['a later batch without the one before', { previous: undefined }],
  ['a first batch with one before', { seq: 1 }],
  ['sequence number zero', { seq: 0 }],
  ['a field of its own', { buyer: 'somebody' }],
])('refuses %s', (_, change) => {
  expect(recordBatch.safeParse({ ...good, ...change }).success).toBe(false);
});
