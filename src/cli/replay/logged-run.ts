import { canonicalJson, utf8, WeighbridgeError, type Bytes32, type Network } from '../../kernel/index.js';
import { fromBase64, parseEntry, type LogEntry, type TrainerIdentity } from '../../provenance/index.js';
import { parseReceipt, trustOfNetwork, verifyReceipt, type Receipt } from '../../provenance/verify/index.js';
import { declarationSchema, type ModelDeclaration } from '../../training/models.js';
import type { MarketApi } from '../api/market-api.js';

/** What the log says of a run that has ended. */
export interface LoggedRun {
  orderId: Bytes32;
  keyId: Bytes32;
  manifestDigest: string;
  declaration: ModelDeclaration;
  /** The address that signed the completion; its key follows from the worker's seed. */
  worker: string;
  trainer: TrainerIdentity;
  seedCommitment: string | null;
  /** SHA-256, 64 hex digits. */
  weightsDigest: string;
}

/**
 * A settled job's run, from its receipt, once that verifies: the marketplace is not believed.
 * @throws WeighbridgeError JOB_NOT_FOUND, JOB_STATE if it is not settled, RECEIPT_INVALID
 */
export async function loggedRun(
  api: Pick<MarketApi, 'job' | 'receipt'>,
  network: Network,
  id: string,
): Promise<LoggedRun> {
  const job = await api.job(id);
  const found = await api.receipt(job.id);
  if (job.state !== 'settled' || found === undefined || found === null) {
    throw new WeighbridgeError('JOB_STATE', `job ${job.id} is not settled: ${job.state}`, {
      next: 'Replay a settled job: only those have a digest in the log to compare with.',
    });
  }
  const bytes = utf8(`${canonicalJson(found)}\n`);
  const { ok, checks } = await verifyReceipt(bytes, trustOfNetwork(network));
  const failed = checks.find((check) => !check.ok);
  if (!ok) throw badReceipt(failed === undefined ? 'it is empty' : `${failed.name}: ${failed.detail}`);
  const receipt = parseReceipt(bytes);
  if (receipt.order.orderId !== job.id) throw badReceipt('it is about another job');
  return runOf(receipt);
}

function runOf({ order, dataset, model, training, records }: Receipt): LoggedRun {
  const entry = parseEntry(fromBase64(records['training-completed'].entry)) as Extract<
    LogEntry,
    { type: 'training-completed' }
  >;
  const { trainer, seedCommitment, worker } = entry.predicate.buildDefinition.internalParameters;
  return {
    orderId: order.orderId,
    keyId: dataset.keyId,
    manifestDigest: dataset.manifestDigest,
    declaration: declarationSchema.parse(model),
    worker,
    trainer,
    seedCommitment,
    weightsDigest: training.weightsDigest.replace(/^0x/, ''),
  };
}

function badReceipt(what: string): WeighbridgeError {
  return new WeighbridgeError('RECEIPT_INVALID', `the receipt of the job does not hold: ${what}`, {
    next: 'Run the same command again; if it stays so, this marketplace tells something else than its log.',
  });
}
