// Real: what is shown of a job. Faked: the marketplace, which tells of it, and the screen.
import { expect, it } from 'vitest';
import type { JobProgress } from '../api/schemas.js';
import type { BarOptions } from '../ui/bar.js';
import { followJob } from './follow.js';
import type { JobJournal } from './job-journal.js';

const NOW = new Date('2026-11-27T08:00:00Z');
const journal = { order: { deadline: String(NOW.getTime() / 1000 + 60) } } as unknown as JobJournal;
const at = (state: JobProgress['state'], step = 0, of = 0): JobProgress => ({
  id: `0x${'ab'.repeat(32)}`,
  state,
  step,
  of,
  reason: null,
});
const fetching = (fetchedBytes: bigint, step = 0, of = 0): JobProgress => ({
  ...at('training', step, of),
  fetchedBytes,
  toFetchBytes: 5_000_000_000n,
});

/** Everything that was drawn, in its order. */
async function shown(told: JobProgress[]): Promise<string[]> {
  const seen: string[] = [];
  const ui = {
    note: (text: string) => void seen.push(text),
    bar: ({ label, unit, total }: BarOptions) => {
      let all = total;
      return {
        setTotal: (next: number) => void (all = next),
        update: (done: number) => void seen.push(`${label} ${done}/${all} ${unit}`),
        stop: () => void seen.push(`${label} stops`),
      };
    },
  };
  const api = {
    async *watch() {
      yield* told;
    },
  };
  await followJob(journal, { api: api as never, ui: ui as never, now: () => NOW });
  return seen;
}

it('shows the rows being fetched in bytes, and then the steps in their place', async () => {
  const told = [at('training'), fetching(1n), fetching(5_000_000_000n), at('training', 1, 9), at('training', 9, 9)];
  expect(await shown([...told, at('completing', 9, 9)])).toEqual([
    'training',
    'fetching rows 1/5000000000 bytes',
    'fetching rows 5000000000/5000000000 bytes',
    'fetching rows stops',
    'training 1/9 steps',
    'training 9/9 steps',
    'training stops',
    'weighing and encrypting the weights to you',
  ]);
});

it('shows them again when a run goes on in another box', async () => {
  expect(await shown([at('training', 3, 9), fetching(7n, 3, 9), at('training', 4, 9)])).toEqual([
    'training',
    'training 3/9 steps',
    'training stops',
    'fetching rows 7/5000000000 bytes',
    'fetching rows stops',
    'training 4/9 steps',
    'training stops',
  ]);
});
