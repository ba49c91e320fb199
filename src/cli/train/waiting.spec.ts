// Real: what the CLI says of a job. Faked: the marketplace, which has it waiting.
import { expect, it } from 'vitest';
import { testTerminal } from '../../../test/support/cli.js';
import type { JobProgress } from '../api/schemas.js';
import type { Cli } from '../cli.js';
import { createUi } from '../ui/ui.js';
import { followJob } from './follow.js';
import type { JobJournal } from './job-journal.js';
import { showJob } from './show-job.js';

const id = `0x${'ab'.repeat(32)}` as const;
const NOW = new Date('2026-11-27T08:00:00Z');
const progress = (waitingFor: string | null): JobProgress => ({
  id,
  state: 'training',
  step: 0,
  of: 9,
  reason: null,
  waitingFor,
});

it.each([
  ['PROVIDER_DOWN', /^waiting: no storage provider .* \(PROVIDER_DOWN\); it is tried again until the deadline$/m],
  ['KEY_NODES_DOWN', /^waiting: too few key nodes .* \(KEY_NODES_DOWN\); it is tried again until the deadline$/m],
  ['A_NEWER_CODE', /^waiting: A_NEWER_CODE; it is tried again until the deadline$/m],
])('a job that waits for %s says so in words, once', async (code, words) => {
  const { io, stderr } = testTerminal();
  const api = {
    async *watch() {
      for (const waitingFor of [code, code, null]) yield progress(waitingFor);
    },
  };
  const journal = { order: { deadline: String(NOW.getTime() / 1000 + 60) }, orderId: id } as unknown as JobJournal;
  await followJob(journal, { api: api as never, ui: createUi(io, false), now: () => NOW });
  expect(stderr().match(new RegExp(words, 'gm'))).toHaveLength(1);
});

const shown = async (told: JobProgress): Promise<string> => {
  const { io, stdout } = testTerminal();
  const job = {
    id,
    state: 'training',
    progress: told,
    dataset: { id, title: 'Digits' },
    priceWei: 1n,
    createdAt: NOW.toISOString(),
    deadline: NOW.toISOString(),
    reason: null,
    worker: null,
    accessIndex: null,
    completionIndex: null,
    weightsDigest: null,
    settleTransaction: null,
    refundTransaction: null,
  };
  await showJob({ ui: createUi(io, false), api: async () => ({ job: async () => job }) } as unknown as Cli, id, {});
  return stdout();
};

it('a job that waits shows what for', async () => {
  expect(await shown(progress('PROVIDER_DOWN'))).toMatch(/^waiting: +no storage provider .* \(PROVIDER_DOWN\)$/m);
});

it.each<[string, Partial<JobProgress>, RegExp]>([
  ['has not begun', { of: 0 }, /^state: +training \(not begun\)$/m],
  [
    'fetches its rows',
    { of: 0, fetchedBytes: 3n * 2n ** 20n, toFetchBytes: 2n ** 23n },
    /^state: +training \(fetching rows: 3\.0 MiB of 8\.0 MiB\)$/m,
  ],
  ['trains', { step: 4, fetchedBytes: null, toFetchBytes: null }, /^state: +training \(4 of 9\)$/m],
])('a job that %s shows how far it is', async (_which, told, words) => {
  expect(await shown({ ...progress(null), ...told })).toMatch(words);
});
