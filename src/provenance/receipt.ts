import { getAddress } from 'viem';
import { orderIdOf, orderToJson, WeighbridgeError, type Deployed, type Hex, type Order } from '../kernel/index.js';
import { completionOf } from './commitment.js';
import type { LogClient } from './ports.js';
import { proveRecords } from './prove-records.js';
import { toBase64 } from './verify/base64.js';
import { parseCheckpoint } from './verify/checkpoint.js';
import { parseNote } from './verify/note.js';
import { readRecord } from './verify/receipt-records.js';
import { formatReceipt, RECEIPT_RECORDS, type Receipt, type ReceiptRecord } from './verify/receipt-schema.js';

export interface ReceiptInput {
  market: Deployed;
  order: Order;
  /** The buyer's EIP-712 `Pseudonym`: that the licence is its own. */
  pseudonymSignature: Hex;
  /** The model declaration; its digest is `order.jobDigest`. */
  model: Record<string, unknown>;
  /** Where each record of the job is in the log. */
  indices: Record<ReceiptRecord, number>;
}

/**
 * The receipt of a settled job: fetches its five records with their proofs under the log's newest checkpoint, and fills in
 * what people read from them. A later checkpoint makes another file, equally good: keep the bytes.
 * @returns the bytes of `receipt.json`; verify them before handing them out
 * @throws WeighbridgeError LOG_UNAVAILABLE, PROOF_INVALID, RECEIPT_INVALID if an index holds another record
 */
export async function assembleReceipt(
  log: Pick<LogClient, 'checkpoint' | 'tile'>,
  input: ReceiptInput,
): Promise<Uint8Array> {
  const { checkpoint, entries } = await proveRecords(
    log,
    RECEIPT_RECORDS.map((type) => input.indices[type]),
  );
  const records = Object.fromEntries(
    entries.map(({ entry, proof }, i) => [RECEIPT_RECORDS[i], { entry: toBase64(entry), proof }]),
  ) as Receipt['records'];
  return formatReceipt(receiptOf(input, parseCheckpoint(parseNote(checkpoint).text).origin, records));
}

/** What the records say, in the places where people look for it. */
function receiptOf(input: ReceiptInput, logOrigin: string, records: Receipt['records']): Receipt {
  const { market, order, model } = input;
  const listed = recordOf(records, 'dataset-listed').predicate;
  const licensed = recordOf(records, 'licence-issued').predicate;
  const granted = recordOf(records, 'access-granted').predicate;
  const completed = recordOf(records, 'training-completed');
  const settled = recordOf(records, 'job-settled').predicate;
  const { externalParameters, internalParameters } = completed.predicate.buildDefinition;
  const { weightsDigest, ciphertextDigest } = completionOf(completed);
  return {
    format: 'weighbridge-receipt/v1',
    network: { chainId: market.chainId, marketplace: getAddress(market.contract), logOrigin },
    dataset: {
      keyId: listed.keyId,
      manifestDigest: listed.offer.manifestDigest,
      termsDigest: listed.offer.termsDigest,
      pieces: listed.pieces,
      offer: listed.offer,
    },
    licence: {
      licenceId: licensed.licenceId,
      licence: licensed.licence,
      pseudonymSignature: input.pseudonymSignature,
    },
    order: { orderId: orderIdOf(market, order), order: { ...orderToJson(order), buyer: getAddress(order.buyer) } },
    access: { operator: granted.operator, worker: granted.worker, grantedAt: granted.grantedAt },
    training: {
      weightsDigest,
      ciphertextDigest,
      epochs: externalParameters.epochs,
      privacy: externalParameters.privacy,
      attested: internalParameters.attested,
      finishedAt: completed.predicate.runDetails.metadata.finishedOn,
    },
    settlement: { transaction: settled.transaction, payouts: settled.payouts, settledAt: settled.settledAt },
    model,
    records,
  };
}

function recordOf<T extends ReceiptRecord>(
  records: Receipt['records'],
  type: T,
): ReturnType<typeof readRecord<T>>['entry'] {
  try {
    return readRecord(records, type).entry;
  } catch (cause) {
    throw new WeighbridgeError('RECEIPT_INVALID', `the log has no ${type} record where one was expected`, {
      next: 'Give the log index that the append of this record answered.',
      cause,
    });
  }
}
