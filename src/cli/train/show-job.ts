import path from 'node:path';
import { formatWei, WeighbridgeError } from '../../kernel/index.js';
import type { Job } from '../api/schemas.js';
import type { Cli } from '../cli.js';
import { assertWritable } from '../state/assert-writable.js';
import { withLock } from '../state/lock.js';
import { timeLeft } from '../ui/bar.js';
import { facts } from '../ui/table.js';
import { bytes, plain, shortId, time } from '../ui/text.js';
import { collectJob } from './collect.js';
import { followJob } from './follow.js';
import { knownJobs, type JobJournal } from './job-journal.js';
import { payOnce } from './pay.js';
import { printCollected, trainDeps } from './run-train.js';
import { submitOnce } from './train.js';
import { waitingWords } from './waiting-words.js';

/** Shows a job, or takes up where an interrupted `train` stopped. */
export async function showJob(
  cli: Cli,
  id: string,
  { out, receipt }: { out?: string; receipt?: string },
): Promise<void> {
  if (out !== undefined) return resume(cli, id, receipt === undefined ? { out } : { out, receipt });
  const job = await (await cli.api()).job(id);
  cli.ui.result(job, () => lines(job, cli));
}

async function resume(cli: Cli, id: string, target: { out: string; receipt?: string }): Promise<void> {
  await assertWritable(target.out);
  const deps = await trainDeps(cli);
  const begun = await begunHere(cli, id);
  const collected = await withLock(path.join(cli.state.jobs, `${begun.request}.lock`), async () => {
    const paid = await payOnce(begun, deps);
    if (paid === undefined) {
      throw new WeighbridgeError('DEADLINE_PASSED', 'the job was never paid, and its deadline or offer is over', {
        next: 'Begin a new one with "weighbridge train".',
      });
    }
    const submitted = await submitOnce(paid, deps);
    await followJob(submitted, deps);
    return collectJob(submitted, target, deps);
  });
  printCollected(cli.ui, collected);
}

async function begunHere({ state }: Cli, id: string): Promise<JobJournal> {
  const prefix = id.toLowerCase().replace(/^(0x)?/, '0x');
  const found = (await knownJobs(state)).filter(({ orderId }) => prefix.length >= 10 && orderId.startsWith(prefix));
  const [job] = found;
  if (job !== undefined && found.length === 1) return job;
  throw new WeighbridgeError(
    'JOB_NOT_FOUND',
    found.length > 1 ? `${id} is the beginning of several jobs` : `no job ${id} was begun on this machine`,
    {
      next: `Give its whole id, on the machine that holds the key to its weights (${state.jobs}).`,
    },
  );
}

function lines(job: Job, { ui }: Cli): string[] {
  const optional: [string, string | number | null][] = [
    ['waiting', typeof job.progress.waitingFor === 'string' ? waitingWords(job.progress.waitingFor) : null],
    ['reason', job.reason],
    ['worker', job.worker],
    ['access at', job.accessIndex === null ? null : `log index ${job.accessIndex}`],
    ['completion at', job.completionIndex === null ? null : `log index ${job.completionIndex}`],
    ['weights', job.weightsDigest],
    ['settled by', job.settleTransaction],
    ['refunded by', job.refundTransaction],
  ];
  return [
    ...facts([
      ['job', ui.out.bold(job.id)],
      ['state', job.state + (job.state === 'training' ? steps(job.progress) : '')],
      ['dataset', `${plain(job.dataset.title)} (${shortId(job.dataset.id)})`],
      ['price', `${formatWei(job.priceWei)} USDFC`],
      ['begun', time(job.createdAt)],
      ['deadline', time(job.deadline)],
      ...optional
        .filter(([, value]) => value !== null)
        .map(([name, value]): [string, string] => [name, plain(String(value))]),
    ]),
    ...next(job),
  ];
}

function steps({ step, of, secondsLeft, fetchedBytes, toFetchBytes }: Job['progress']): string {
  if (typeof fetchedBytes === 'bigint' && typeof toFetchBytes === 'bigint') {
    return ` (fetching rows: ${bytes(Number(fetchedBytes))} of ${bytes(Number(toFetchBytes))})`;
  }
  if (of === 0) return ' (not begun)';
  const left = typeof secondsLeft === 'number' ? `, ${timeLeft(secondsLeft)} left` : '';
  return ` (${step} of ${of}${left})`;
}

function next(job: Job): string[] {
  if (job.state === 'refunded') return ['', 'Try next: weighbridge withdraw'];
  return ['', `Try next: weighbridge job ${shortId(job.id)} --out weights.safetensors`];
}
