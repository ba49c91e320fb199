import { jsonDigest } from '../../kernel/index.js';
import { marketOf } from '../../platform/index.js';
import {
  headOf,
  readEntry,
  sealRecord,
  trainingCompletedRecord,
  VerifiedTree,
  type Position,
} from '../../provenance/index.js';
import type { Job, JobFacts } from '../job.js';
import type { RunJobDeps } from './deps.js';
import { settleMessage } from './settle-message.js';
import { seedCommitmentOf, workerAccount } from './worker-account.js';

/** What a run found out, all of it. */
export type TrainingResult = {
  [F in 'weightsDigest' | 'ciphertextDigest' | 'modelFiles' | 'trainer' | 'startedAt' | 'finishedAt']: NonNullable<
    JobFacts[F]
  >;
};

/** Fixes the `training-completed` entry: SLSA provenance of the weights, signed by the job's own worker. */
export async function fixCompletion(deps: RunJobDeps, job: Job, result: TrainingResult): Promise<Job> {
  const { accessIndex } = job;
  if (accessIndex === null) throw new Error(`job ${job.id} has a result without an access record`);
  const accessEntry = await entryAt(deps, accessIndex);
  return deps.jobs.fixRecord(job, 'training', 'completing', result, async (position) =>
    sealCompletion(deps, job, result, accessEntry, position),
  );
}

async function sealCompletion(
  deps: RunJobDeps,
  job: Job,
  { weightsDigest, ciphertextDigest, modelFiles, trainer, startedAt, finishedAt }: TrainingResult,
  accessEntry: Uint8Array,
  position: Position,
): Promise<Uint8Array> {
  const worker = workerAccount(deps.workerSeed, job.id);
  const record = trainingCompletedRecord(marketOf(deps.network), {
    position,
    order: job.order,
    worker: worker.address,
    weightsSha256: weightsDigest,
    ciphertextSha256: ciphertextDigest,
    modelFilesSha256: jsonDigest(modelFiles),
    manifestDigest: job.offer.manifestDigest,
    initialWeightsSha256: job.declaration.weights,
    accessEntry,
    epochs: job.declaration.epochs,
    privacy: claimOf(job),
    // No confidential-computing hardware is asked for yet, and the record says so.
    attested: false,
    trainer,
    ...seedOf(deps, job),
    startedAt,
    finishedAt,
  });
  return sealRecord({ ...record, signer: worker });
}

async function entryAt({ log }: RunJobDeps, index: number): Promise<Uint8Array> {
  const tree = await VerifiedTree.open(async (path) => log.tile(path), headOf(await log.checkpoint()));
  return (await readEntry(log, tree, index)).entry;
}

function claimOf({ declaration: { privacy } }: Job): 'none' | { epsilon: number; delta: number } {
  return privacy === 'none' ? privacy : { epsilon: privacy.epsilon, delta: privacy.delta };
}

/** What `access-granted` promised already: the seed is the order's, whichever worker process derives it. */
function seedOf({ workerSeed }: RunJobDeps, { id, declaration: { privacy } }: Job): { seedCommitment?: string } {
  return privacy === 'none' ? {} : { seedCommitment: seedCommitmentOf(workerSeed, id) };
}

/** Appends `training-completed`; settlement takes over from its index. */
export async function completeJob(deps: RunJobDeps, job: Job): Promise<Job> {
  if (job.pendingEntry === null) throw new Error(`job ${job.id} is completing without an entry`);
  await deps.checkpoints.remove(job.id);
  const { index } = await deps.log.append(job.pendingEntry);
  const facts = { completionIndex: index, pendingEntry: null };
  return deps.jobs.transition(job.id, 'completing', 'settling', facts, [settleMessage(job.id)]);
}
