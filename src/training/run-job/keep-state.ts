import { isWeighbridgeError, WeighbridgeError } from '../../kernel/index.js';
import { openState, sealState, type RunOfState } from '../checkpoints/sealed-state.js';
import type { Job } from '../job.js';
import type { Checkpoints } from '../ports.js';
import type { RunJobDeps } from './deps.js';
import { checkpointKey } from './worker-account.js';

/** A run that is shorter is started again from its beginning if its box is lost. */
const EVERY_MS = 60_000;
/** 128 + SIGKILL: somebody ended the box, or the kernel did. */
const KILLED_EXIT = 137;

/** The state of one run, sealed to this worker's seed before it lies anywhere. */
export interface KeptState {
  checkpoints: Checkpoints;
  /** What a lost box means: a box that got further than the one before it is followed by another, which goes on there. */
  afterLoss(error: unknown): unknown;
}

/**
 * Where a job's run goes on. The same rows, declaration, engine and seed: a replay, so that nothing more is given out than by one
 * run, and no budget is spent twice. Of anything else it starts from its beginning.
 */
export async function keptState(deps: RunJobDeps, job: Job): Promise<KeptState> {
  const { checkpoints: store, trainer, workerSeed, logger } = deps;
  const run: RunOfState = {
    orderId: job.id,
    jobDigest: job.jobDigest,
    manifestDigest: job.offer.manifestDigest,
    trainer: await trainer.assertAvailable(),
  };
  const key = checkpointKey(workerSeed, job.id);
  const sealed = await store.read(job.id);
  const begin = sealed && openState(key, run, sealed);
  // Two runs of one seed must not lie side by side: between them the noise would cancel, but for what engines round otherwise.
  if (sealed !== undefined && begin === undefined) await store.remove(job.id);
  if (begin !== undefined) logger.info({ orderId: job.id }, 'the run goes on from its last checkpoint');
  let keptSteps = 0;
  return {
    checkpoints: {
      everyMs: EVERY_MS,
      ...(begin === undefined ? {} : { begin }),
      keep: async (state, step) => {
        if (await store.write(job.id, sealState(key, run, state))) keptSteps = step;
        else logger.warn({ orderId: job.id, step }, 'a checkpoint could not be written; the run goes on');
      },
    },
    afterLoss: (error) => (keptSteps > 0 && wasKilled(error) ? boxLost(keptSteps, error) : error),
  };
}

function wasKilled(error: unknown): boolean {
  return isWeighbridgeError(error) && error.code === 'TRAINER_FAILED' && error.details['exitCode'] === KILLED_EXIT;
}

function boxLost(step: number, cause: unknown): WeighbridgeError {
  return new WeighbridgeError('UNAVAILABLE', `the box was lost after step ${step}`, {
    next: 'Nothing to do: the job goes on from its checkpoint.',
    retryable: true,
    cause,
  });
}
