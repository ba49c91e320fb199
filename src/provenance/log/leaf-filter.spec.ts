import { expect, it } from 'vitest';
import { utf8 } from '../../kernel/index.js';
import { LeafFilter } from './leaf-filter.js';
import { nodeHasher } from './node-hasher.js';

const leaf = (i: number) => nodeHasher.leaf(utf8(`entry ${i}`));
const ADDED = 50_000;

it('rules out nothing before it is complete, and then nothing that was added', () => {
  const filter = new LeafFilter();
  expect(filter.mayHold(leaf(0))).toBe(true);
  for (let i = 0; i < ADDED; i++) filter.add(leaf(i));
  expect(filter.mayHold(leaf(-1))).toBe(true);
  filter.markComplete();
  for (let i = 0; i < ADDED; i++) if (!filter.mayHold(leaf(i))) expect.unreachable(`entry ${i} was ruled out`);
  const suspected = Array.from({ length: ADDED }, (_, i) => leaf(ADDED + i)).filter((hash) => filter.mayHold(hash));
  // One block in twenty holds an entry here: to be taken for it, eight bits of 512 must fall on its eight.
  expect(suspected.length).toBeLessThan(5);
});
