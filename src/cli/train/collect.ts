import path from 'node:path';
import {
  canonicalJson,
  formatWei,
  jsonDigest,
  sha256Hex,
  utf8,
  WeighbridgeError,
  type Bytes32,
} from '../../kernel/index.js';
import type { RefusalReason } from '../../provenance/index.js';
import { parseReceipt, trustOfNetwork, verifyReceipt } from '../../provenance/verify/index.js';
import type { BoughtMetric } from '../../training/models.js';
import type { Job, ModelFiles } from '../api/schemas.js';
import { writeFileAtomic } from '../state/atomic-file.js';
import { shortId } from '../ui/text.js';
import { decryptWith } from './identity.js';
import { writeJob, type JobJournal } from './job-journal.js';
import type { TrainDeps } from './deps.js';
import { boughtIn } from './metric.js';
import { REFUSALS } from './refusals.js';

export interface Collected {
  orderId: Bytes32;
  dataset: Bytes32;
  /** Paths as written. */
  weights: string;
  receipt: string;
  /** Model card, bill of materials, signature and its key, if the worker made them: beside the weights. */
  modelFiles: string[];
  /** The number that was bought beside the weights. */
  metric: BoughtMetric | null;
  weightsDigest: string;
  paidWei: bigint;
  settleTransaction: string | null;
}

/**
 * Fetches a finished job's weights and receipt, checks the one by the other, and writes both. The receipt is verified in full
 * before a byte is written.
 * @throws WeighbridgeError JOB_STATE for a job that was refused or is not finished, DIGEST_MISMATCH, RECEIPT_INVALID
 */
export async function collectJob(
  journal: JobJournal,
  target: { out: string; receipt?: string },
  deps: TrainDeps,
): Promise<Collected> {
  const { api, state, chain } = deps;
  const job = await api.job(journal.orderId);
  if (job.state === 'refunded') {
    // By the marketplace's word alone the next command would pay for the same training a second time.
    const onChain = (await chain.order(journal.orderId)).state;
    if (onChain !== 'refunded') throw notRefunded(journal.orderId, onChain);
    await writeJob(state, { ...journal, outcome: 'refunded' });
    throw refused(job);
  }
  if (job.state !== 'settled' || job.ciphertextDigest === null) throw unfinished(job);
  const receiptBytes = await fetchReceipt(journal, deps);
  const { training } = parseReceipt(receiptBytes);
  const ciphertext = await api.getBlob(bare(training.ciphertextDigest));
  const weights = await decryptWith(state.job(journal.orderId), ciphertext);
  if (sha256Hex(weights) !== bare(training.weightsDigest)) throw otherWeights(journal.orderId);
  const modelFiles = await fetchModelFiles(journal.orderId, receiptBytes, api);
  const receiptFile = target.receipt ?? path.join(path.dirname(target.out), 'receipt.json');
  // A copy stays with the job: the next job's receipt may be written over this one.
  await writeFileAtomic(path.join(state.job(journal.orderId), 'receipt.json'), receiptBytes);
  await writeFileAtomic(target.out, weights);
  await writeFileAtomic(receiptFile, receiptBytes, 0o644);
  const beside = Object.entries(modelFiles).map(
    ([name, text]) => [path.join(path.dirname(target.out), name), text] as const,
  );
  for (const [file, text] of beside) await writeFileAtomic(file, text, 0o644);
  await writeJob(state, { ...journal, outcome: 'settled' });
  return {
    orderId: journal.orderId,
    dataset: journal.order.keyId,
    weights: target.out,
    receipt: receiptFile,
    modelFiles: beside.map(([file]) => file),
    metric: boughtIn(modelFiles),
    weightsDigest: bare(training.weightsDigest),
    paidWei: job.priceWei,
    settleTransaction: job.settleTransaction,
  };
}

/** The receipt's exact bytes, once it verifies and is about this very order. */
async function fetchReceipt({ orderId, order }: JobJournal, { api, network }: TrainDeps): Promise<Uint8Array> {
  const bytes = utf8(`${canonicalJson(await api.receipt(orderId))}\n`);
  const { ok, checks } = await verifyReceipt(bytes, trustOfNetwork(network));
  const failed = checks.find((check) => !check.ok);
  if (!ok) throw badReceipt(failed === undefined ? 'it is empty' : `${failed.name}: ${failed.detail}`);
  const about = parseReceipt(bytes).order;
  if (about.orderId !== orderId || about.order.jobDigest !== order.jobDigest)
    throw badReceipt('it is about another job');
  return bytes;
}

/** They are those that the worker's record names, or they are nobody's. @throws WeighbridgeError DIGEST_MISMATCH */
async function fetchModelFiles(
  orderId: Bytes32,
  receipt: Uint8Array,
  api: TrainDeps['api'],
): Promise<Partial<ModelFiles>> {
  const { fromBase64, MODEL_FILES_NAME, parseEntry } = await import('../../provenance/index.js');
  const record = parseEntry(fromBase64(parseReceipt(receipt).records['training-completed'].entry));
  const { byproducts } = (record as Extract<typeof record, { type: 'training-completed' }>).predicate.runDetails;
  const named = byproducts.find(({ name }) => name === MODEL_FILES_NAME);
  if (named === undefined) return {};
  const files = await api.modelFiles(orderId);
  if (files !== undefined && jsonDigest(files) === named.digest.sha256) return files;
  throw new WeighbridgeError('DIGEST_MISMATCH', "the model's card and signature are not those that its record names", {
    next: 'Nothing was written. Show the receipt to the operator: what was logged was not delivered.',
    details: { orderId },
  });
}

function refused({ id, reason, priceWei, refundTransaction }: Job): WeighbridgeError {
  const known = reason !== null && isReason(reason) ? REFUSALS[reason] : undefined;
  const why = known?.means ?? reason ?? 'no reason was given';
  const paidBack = `Your ${formatWei(priceWei)} USDFC went back to you as credit in the contract: "weighbridge withdraw" pays it out.`;
  return new WeighbridgeError('JOB_STATE', `training was refused: ${why}${reason === null ? '' : ` (${reason})`}`, {
    next: known === undefined ? paidBack : `${known.next} ${paidBack}`,
    details: { orderId: id, reason, refundTransaction, creditWei: priceWei.toString() },
  });
}

function isReason(reason: string): reason is RefusalReason {
  return Object.hasOwn(REFUSALS, reason);
}

function unfinished({ id, state }: Job): WeighbridgeError {
  return new WeighbridgeError('JOB_STATE', `the job is not finished: ${state}`, {
    next: `Wait for it with "weighbridge job ${id.slice(0, 10)} --out weights.safetensors".`,
    details: { orderId: id, state },
    retryable: true,
  });
}

function notRefunded(orderId: Bytes32, onChain: string): WeighbridgeError {
  const told = `the marketplace says that job ${shortId(orderId)} was paid back, and on chain it is ${onChain}`;
  return new WeighbridgeError('JOB_STATE', told, {
    next: 'Run the same command in a minute. If it stays so, do not pay here again; after the deadline "weighbridge withdraw" takes the payment back.',
    details: { orderId, onChain },
    retryable: true,
  });
}

function badReceipt(what: string): WeighbridgeError {
  return new WeighbridgeError('RECEIPT_INVALID', `the receipt does not hold: ${what}`, {
    next: 'Nothing was written. Run the same command again; if it stays so, do not use this marketplace, and keep the job directory.',
  });
}

function otherWeights(orderId: Bytes32): WeighbridgeError {
  return new WeighbridgeError('DIGEST_MISMATCH', 'the weights are not those that the receipt names', {
    next: 'Nothing was written. Show receipt and ciphertext to the operator: what was logged was not delivered.',
    details: { orderId },
  });
}

function bare(digest: string): string {
  return digest.replace(/^0x/, '');
}
