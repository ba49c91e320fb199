import { expect, it } from 'vitest';
import { RecentEntries } from './recent-entries.js';

/** Entries that say their index. */
const entries = (from: number, count: number, bytes = 4) =>
  Array.from({ length: count }, (_, i) => {
    const entry = new Uint8Array(bytes);
    new DataView(entry.buffer).setUint32(0, from + i);
    return entry;
  });

it('gives what it was given, across batches, and nothing that it does not have whole', () => {
  const recent = new RecentEntries();
  expect(recent.slice(0, 1)).toBeUndefined();
  recent.add(100, entries(100, 30));
  recent.add(130, entries(130, 1));
  recent.add(131, entries(131, 200));
  expect(recent.slice(100, 231)).toEqual(entries(100, 231));
  expect(recent.slice(128, 5)).toEqual(entries(128, 5));
  expect(recent.slice(99, 2)).toBeUndefined();
  expect(recent.slice(330, 2)).toBeUndefined();
  expect(recent.slice(500, 1)).toBeUndefined();
});

it('forgets the oldest beyond 16 MiB, and everything before a gap', () => {
  const recent = new RecentEntries();
  for (let from = 0; from < 512; from += 64) recent.add(from, entries(from, 64, 65_535));
  expect(recent.slice(0, 1)).toBeUndefined();
  expect(recent.slice(320, 192)).toHaveLength(192);
  recent.add(600, entries(600, 1));
  expect(recent.slice(511, 1)).toBeUndefined();
  expect(recent.slice(600, 1)).toEqual(entries(600, 1));
});
