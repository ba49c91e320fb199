import path from 'node:path';
import { jsonDigest } from '../../kernel/index.js';
import { checkDataset, type CheckedDataset } from '../browse/check-dataset.js';
import { assertWritable } from '../state/assert-writable.js';
import { withLock } from '../state/lock.js';
import { counted } from '../ui/text.js';
import { collectJob, type Collected } from './collect.js';
import type { TrainDeps } from './deps.js';
import { followJob } from './follow.js';
import { findJob, writeJob, type JobJournal } from './job-journal.js';
import { makeModel, saveModel, type Model, type ModelOptions } from './model.js';
import { noiseWarning } from './noise-warning.js';
import { sealedRows } from './sealed-rows.js';
import { payOnce } from './pay.js';
import { prepareJob } from './prepare.js';
import { pickPurpose } from './purpose.js';

export interface TrainOptions extends ModelOptions {
  dataset: string;
  purpose?: string;
  deadlineMinutes: number;
  /** Where the weights go. */
  out: string;
  receipt?: string;
  saveModel?: string;
  /** Pay for another run though the same one is done. */
  again?: boolean;
}

/**
 * Trains a model: looks, agrees, pays, submits, waits, and opens what comes back. Every step that costs is in the job's journal
 * before it happens, so the same command goes on where it was interrupted and pays once.
 * @throws WeighbridgeError JOB_STATE when the job was refused (the money is credit again), and whatever a step says
 */
export async function train(options: TrainOptions, deps: TrainDeps): Promise<Collected> {
  const { network, account, state, api, chain, ui } = deps;
  await assertWritable(options.out);
  if (options.receipt !== undefined) await assertWritable(options.receipt);
  const checked = await checkDataset(await api.dataset(options.dataset), network, chain);
  const model = await makeModel(options, checked.dataset.manifest, checked.dataset.terms);
  if (model.skippedColumns.length > 0) ui.warn(skippedWords(model.skippedColumns));
  const noisy = await noiseWarning(model.declaration, checked.dataset.rowCount);
  if (noisy !== undefined) ui.warn(noisy);
  const sealed = await sealedRows(checked.dataset.manifest, model.declaration);
  if (sealed !== undefined) ui.note(`the rows take ${sealed}`);
  const purpose = await pickPurpose(options.purpose, checked.dataset.terms, ui);
  if (options.saveModel !== undefined) await saveModel(options.saveModel, model);
  const request = jsonDigest({
    chainId: network.chainId,
    marketplace: network.contracts.marketplace,
    buyer: account.address,
    keyId: checked.dataset.id,
    declaration: model.declaration,
    purpose,
    out: path.resolve(options.out),
  });
  return withLock(path.join(state.jobs, `${request}.lock`), async () => {
    const paid = await paidJob(request, checked, model, purpose, options, deps);
    const submitted = await submitOnce(paid, deps);
    await followJob(submitted, deps);
    return collectJob(submitted, options, deps);
  });
}

async function paidJob(
  request: string,
  checked: CheckedDataset,
  model: Model,
  purpose: string,
  options: TrainOptions,
  deps: TrainDeps,
): Promise<JobJournal> {
  const earlier = await findJob(deps.state, request);
  const resumed = earlier?.outcome === 'settled' && options.again === true ? undefined : earlier;
  if (resumed !== undefined) {
    const paid = await payOnce(resumed, deps);
    if (paid !== undefined) {
      deps.ui.note(
        paid.outcome === 'settled'
          ? 'this run is done and paid already: fetching it again'
          : 'going on with an interrupted job',
      );
      return paid;
    }
  }
  await assertBudgetLeft(checked, model, deps);
  const fresh = await prepareJob(checked, model, purpose, request, options.deadlineMinutes, deps);
  // Prepared this moment against the offer that the chain holds: if that changed under our hands, say so by preparing again.
  return (await payOnce(fresh, deps)) ?? paidJob(request, checked, model, purpose, options, deps);
}

/** The marketplace would refuse as well, when the money is in escrow already. @throws WeighbridgeError BUDGET_EXHAUSTED */
async function assertBudgetLeft(
  { dataset }: CheckedDataset,
  { declaration }: Model,
  { api }: TrainDeps,
): Promise<void> {
  if (declaration.privacy === 'none') return;
  const { addLoss } = await import('../../privacy/index.js');
  const { checkBudgetLeft } = await import('../../training/models.js');
  const { shards } = await api.privacyBalance(dataset.id);
  const taken = shards.map(({ spent, reserved }) => addLoss(spent, reserved));
  checkBudgetLeft(declaration, dataset.terms.privacy, taken);
}

/** Hands the paid order to the marketplace. Its repeat is answered with the same job. */
export async function submitOnce(
  journal: JobJournal,
  { api, state, ui }: Pick<TrainDeps, 'api' | 'state' | 'ui'>,
): Promise<JobJournal> {
  if (journal.submitted) return journal;
  const { order, declaration, recipient } = journal;
  ui.note('submitting the job');
  await api.submitJob({ order, declaration, recipient });
  const next = { ...journal, submitted: true };
  await writeJob(state, next);
  return next;
}

/** Why columns are not used, and which. */
export function skippedWords(columns: string[]): string {
  const why = `the seller declares nothing of ${columns.length === 1 ? 'it' : 'them'}, or the recipe reads images alone`;
  const many = counted(columns.length, 'column is', 'columns are');
  return `${many} not used (${why}): ${columns.slice(0, 5).join(', ')}`;
}
