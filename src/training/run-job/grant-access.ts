import { WeighbridgeError } from '../../kernel/index.js';
import { marketOf } from '../../platform/index.js';
import { accessGrantedRecord, sealRecord, type RunPrivacy } from '../../provenance/index.js';
import type { Job } from '../job.js';
import { epsilonMicrosOfRun } from '../model-declaration.js';
import { modelRejected } from '../model-errors.js';
import { checkPrivacy, checkPrivacyTerms } from '../private-run.js';
import { assignWorker } from './assign-worker.js';
import type { RunJobDeps } from './deps.js';
import { seedCommitmentOf, workerAccount } from './worker-account.js';

/**
 * Appends `access-granted`: the record that must exist before any key can be released. The entry's bytes go into the row
 * first, so a restarted worker appends the same bytes and the log answers with the same index: one record a release.
 */
export async function grantAccess(deps: RunJobDeps, job: Job): Promise<Job> {
  const granting = job.state === 'granting' ? job : await fixEntry(deps, job);
  if (granting.pendingEntry === null) throw new Error(`job ${job.id} is granting without an entry`);
  const { index } = await deps.log.append(granting.pendingEntry);
  return deps.jobs.transition(job.id, 'granting', 'recording', { accessIndex: index, pendingEntry: null });
}

async function fixEntry(deps: RunJobDeps, job: Job): Promise<Job> {
  await assertOpen(deps, job);
  await checkRun(deps, job);
  const worker = workerAccount(deps.workerSeed, job.id).address;
  const startedAt = new Date();
  const facts = {
    order: job.order,
    buyer: (await deps.licenceOf(job)).licence.buyer,
    worker,
    assignSignature: await assignWorker(deps, job.id, worker),
    privacy: privacyOf(deps, job),
  };
  return deps.jobs.fixRecord(job, 'submitted', 'granting', { worker, startedAt }, async (position) => {
    const record = accessGrantedRecord(marketOf(deps.network), { ...facts, position, grantedAt: startedAt });
    return sealRecord({ ...record, signer: deps.operator });
  });
}

/**
 * What the API let in is looked at again by who will hold the key: what the seller does not allow, noise that is too small, or an epsilon
 * that nobody paid for.
 */
async function checkRun(deps: RunJobDeps, job: Job): Promise<void> {
  const { order, offer, declaration } = job;
  checkPrivacyTerms(declaration, (await deps.termsOf(job)).privacy);
  if (declaration.privacy !== 'none') checkPrivacy(declaration, await deps.manifestOf(job));
  const epsilonMicros = epsilonMicrosOfRun(declaration);
  if (order.epsilonMicros === epsilonMicros && epsilonMicros <= offer.maxEpsilonMicros) return;
  throw modelRejected('the order pays for another epsilon than the declaration takes');
}

function privacyOf({ workerSeed }: RunJobDeps, { id, declaration: { privacy } }: Job): RunPrivacy {
  if (privacy === 'none') return privacy;
  const { epsilon, delta, noiseMultiplier, samplingRate, steps, unit, metric, moments } = privacy;
  const seedCommitment = seedCommitmentOf(workerSeed, id);
  const unitColumn = unit.kind === 'column' ? unit.column : null;
  const run = { epsilon, delta, noiseMultiplier, samplingRate, steps, unitColumn, seedCommitment };
  return {
    ...run,
    ...(metric === undefined ? {} : { metric: { name: metric.name, noiseMultiplier: metric.noiseMultiplier } }),
    ...(moments === undefined ? {} : { moments }),
  };
}

/** An order that is closed on chain, or about to be, gets no record: nobody could be given access by it any more. */
async function assertOpen({ chain }: RunJobDeps, { id, order }: Job): Promise<void> {
  if (BigInt(await chain.now()) <= order.deadline && (await chain.order(id)).state === 'open') return;
  throw new WeighbridgeError('DEADLINE_PASSED', `order ${id} is past its deadline or closed on chain`, {
    next: 'Open a new order with a later deadline.',
    details: { reason: 'deadline-passed' },
  });
}
