import { isWeighbridgeError, WeighbridgeError } from '../../kernel/index.js';
import type { JobProgress, JobState } from '../api/schemas.js';
import type { Bar, BarOptions } from '../ui/bar.js';
import { plain, shortId } from '../ui/text.js';
import type { JobJournal } from './job-journal.js';
import type { TrainDeps } from './deps.js';
import { waitingWords } from './waiting-words.js';

const WORDS: Record<JobState, string> = {
  submitted: 'waiting for a worker',
  granting: 'recording the access in the log',
  recording: 'proving the record on chain',
  training: 'training',
  completing: 'weighing and encrypting the weights to you',
  settling: 'recording the result and paying out',
  settled: 'done',
  refusing: 'recording the refusal',
  refunding: 'sending the money back',
  refunded: 'refused',
};

type Count = BarOptions & { done: number; secondsLeft?: JobProgress['secondsLeft'] };

/** After the deadline the operator has this long to say what happened, before the buyer helps itself. */
const GRACE_MS = 5 * 60_000;
/** What a timer can hold. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Shows a job's progress until it is final. A terminal gets a bar, a log gets a line a state.
 * @throws WeighbridgeError DEADLINE_PASSED when nobody finished the job in time, UNAVAILABLE
 */
export async function followJob(
  journal: JobJournal,
  { api, ui, now }: Pick<TrainDeps, 'api' | 'ui' | 'now'>,
): Promise<void> {
  if (journal.outcome !== undefined) return;
  const leftMs = Number(journal.order.deadline) * 1000 - now().getTime();
  const signal = AbortSignal.timeout(Math.min(Math.max(0, leftMs) + GRACE_MS, MAX_TIMER_MS));
  const view = progressView(ui);
  try {
    for await (const progress of api.watch(journal.orderId, signal)) view.show(progress);
  } catch (error) {
    throw signal.aborted && !isWeighbridgeError(error) ? nobodyFinished(journal) : error;
  } finally {
    view.stop();
  }
}

function nobodyFinished({ orderId }: JobJournal): WeighbridgeError {
  return new WeighbridgeError('DEADLINE_PASSED', `nobody finished job ${shortId(orderId)} before its deadline`, {
    next: 'Run "weighbridge withdraw": it takes your payment back, nobody has to agree.',
    details: { orderId },
  });
}

function progressView(ui: TrainDeps['ui']): { show(progress: JobProgress): void; stop(): void } {
  let bar: Bar | undefined;
  let state: JobState | undefined;
  let waiting: string | null = null;
  let label: string | undefined;
  const stop = (): void => {
    bar?.stop();
    bar = undefined;
  };
  const draw = (progress: JobProgress): void => {
    const count = countOf(progress);
    if (count === undefined) return;
    if (count.label !== label) stop();
    label = count.label;
    bar ??= ui.bar(count);
    bar.setTotal(count.total);
    bar.update(count.done, count.secondsLeft);
  };
  return {
    show: (progress) => {
      const isNew = progress.state !== state;
      state = progress.state;
      if (isNew) {
        stop();
        ui.note(WORDS[state] + (progress.reason === null ? '' : `: ${plain(progress.reason)}`));
      }
      const { waitingFor = null } = progress;
      if (waitingFor !== null && waitingFor !== waiting) {
        ui.note(`waiting: ${waitingWords(waitingFor)}; it is tried again until the deadline`);
      }
      waiting = waitingFor;
      if (state === 'training') draw(progress);
    },
    stop,
  };
}

/** What is counted while a job trains; undefined before anything is. */
function countOf({ step, of, secondsLeft, fetchedBytes, toFetchBytes }: JobProgress): Count | undefined {
  if (typeof fetchedBytes === 'bigint' && typeof toFetchBytes === 'bigint') {
    return { label: 'fetching rows', unit: 'bytes', done: Number(fetchedBytes), total: Number(toFetchBytes) };
  }
  return of === 0 ? undefined : { label: 'training', unit: 'steps', done: step, total: of, secondsLeft };
}
