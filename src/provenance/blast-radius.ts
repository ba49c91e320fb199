import { z } from 'zod';
import {
  bytes32Schema,
  canonicalJson,
  toHex,
  utf8,
  WeighbridgeError,
  type Address,
  type Bytes32,
} from '../kernel/index.js';
import { keyIdOfRecord, orderIdOfRecord, positionOfRecord, weightsOfRecord } from './commitment.js';
import type { LogEntry } from './record.js';
import { fromBase64 } from './verify/base64.js';
import { decodeUtf8, parseCanonicalJson } from './verify/canonical.js';
import { pureHasher } from './verify/rfc6962.js';
import type { Trust } from './verify/trust.js';
import { verifyRecordInLog } from './verify/verify-record.js';

/** What revoking cannot do; it is in every report, so that no reader has to know it. */
export const NOT_UNLEARNED =
  'Models that were trained are not unlearned: they, and models trained from them, hold what they learnt. Revoking stops further keys.';

/** What consent to a dataset version touched. Each index is a record's place in the log. */
export interface BlastRadius {
  revocations: { licence: Bytes32 | null; revokedAt: string; index: number }[];
  licences: { licence: Bytes32; buyer: Address; index: number }[];
  accesses: { job: Bytes32; licence: Bytes32; worker: Address; index: number }[];
  /** Trained on it, or from a model that was: `from` says which. */
  models: { weights: string; job: Bytes32; keyId: Bytes32; from: 'dataset' | 'model'; index: number }[];
  payouts: { job: Bytes32; outcome: string; to: Address; amount: string; index: number }[];
}

export interface PlacedEntry {
  index: number;
  entry: LogEntry;
}

/** Whether a run belongs to the blast radius: it was on the dataset, or began with weights that did. */
export class Touched {
  private readonly weights = new Set<string>();

  constructor(private readonly keyId: Bytes32) {}

  /** In the order of the log: a model is logged before another can begin with it. */
  take(entry: LogEntry): 'dataset' | 'model' | undefined {
    const { weights, initialWeights } = weightsOfRecord(entry);
    if (weights === undefined) return undefined;
    const onIt = keyIdOfRecord(entry) === this.keyId;
    if (!onIt && !this.weights.has(initialWeights ?? '')) return undefined;
    this.weights.add(weights);
    return onIt ? 'dataset' : 'model';
  }
}

/** Sorts records, in the order of the log, into what was touched. Records of other datasets count as models only. */
export function blastRadiusOf(keyId: Bytes32, records: readonly PlacedEntry[]): BlastRadius {
  const found: BlastRadius = { revocations: [], licences: [], accesses: [], models: [], payouts: [] };
  const touched = new Touched(keyId);
  for (const { index, entry } of records) {
    const from = touched.take(entry);
    const job = orderIdOfRecord(entry);
    if (from !== undefined && job !== undefined) {
      const { weights = '' } = weightsOfRecord(entry);
      found.models.push({ weights, job, keyId: keyIdOfRecord(entry), from, index });
    }
    if (keyIdOfRecord(entry) === keyId) addOwn(found, index, entry);
  }
  return found;
}

function addOwn(found: BlastRadius, index: number, entry: LogEntry): void {
  if (entry.type === 'consent-revoked') {
    const { licence, revokedAt } = entry.predicate;
    found.revocations.push({ licence, revokedAt, index });
  }
  if (entry.type === 'licence-issued') {
    const { licenceId, licence } = entry.predicate;
    found.licences.push({ licence: licenceId, buyer: licence.buyer, index });
  }
  if (entry.type === 'access-granted') {
    const { orderId, licence, worker } = entry.predicate;
    found.accesses.push({ job: orderId, licence, worker, index });
  }
  if (entry.type === 'job-settled') {
    const { orderId, outcome, payouts } = entry.predicate;
    for (const { to, amount } of payouts) found.payouts.push({ job: orderId, outcome, to, amount, index });
  }
}

const reportSchema = z.strictObject({
  format: z.literal('weighbridge-blast-radius/v1'),
  keyId: bytes32Schema,
  /** Entries of the log that were looked through. */
  logSize: z.number().int().min(1),
  limits: z.literal(NOT_UNLEARNED),
  /** `blastRadiusOf` the records below: for people, and compared with them. */
  touched: z.unknown(),
  records: z.array(z.strictObject({ entry: z.base64(), proof: z.string() })).min(1),
});
export type BlastRadiusReport = z.infer<typeof reportSchema>;

/** The report's one spelling: canonical JSON and a newline. */
export function formatBlastRadius(report: BlastRadiusReport): Uint8Array {
  return utf8(`${canonicalJson(report)}\n`);
}

/**
 * Verifies a report with nothing but its bytes and a trust file: every record is in the log under one signed checkpoint, whole and
 * signed by its party; the dataset's own are numbered from 1 without a gap; and what is listed is what they say. That
 * no later record of the dataset and no model was left out takes the whole log: `weighbridge blast-radius` read it.
 * @throws WeighbridgeError BAD_INPUT, PROOF_INVALID, BAD_SIGNATURE
 */
export async function verifyBlastRadius(bytes: Uint8Array, trust: Trust): Promise<BlastRadius & { keyId: Bytes32 }> {
  const report = parse(bytes);
  const { keyId } = report;
  const records: PlacedEntry[] = [];
  let sequence = 0;
  let previous: string | null = null;
  for (const { entry: text, proof } of report.records) {
    const bytesOfEntry = fromBase64(text);
    const found = await verifyRecordInLog(bytesOfEntry, proof, trust);
    if (found.checkpoint.size !== report.logSize)
      throw broken('a proof is under another checkpoint than the report says');
    if (found.index <= (records.at(-1)?.index ?? -1)) throw broken('its records are not in the order of the log');
    records.push({ index: found.index, entry: found.entry });
    if (keyIdOfRecord(found.entry) !== keyId) continue;
    const position = positionOfRecord(found.entry);
    sequence += 1;
    if (position.sequence !== sequence || position.previous !== previous) {
      throw broken(`record ${sequence} of the dataset is missing or another one`);
    }
    previous = toHex(pureHasher.leaf(bytesOfEntry));
  }
  const touched = blastRadiusOf(keyId, records);
  if (canonicalJson(touched) !== canonicalJson(report.touched))
    throw broken('what it lists is not what its records say');
  return { keyId, ...touched };
}

function parse(bytes: Uint8Array): BlastRadiusReport {
  const text = decodeUtf8(bytes);
  // Exactly one newline after the canonical form: without it, what is left is not canonical.
  const result = reportSchema.safeParse(parseCanonicalJson(text.slice(0, text.length - 1)));
  if (result.success && text.endsWith('\n')) return result.data;
  const issue = result.error?.issues[0];
  throw new WeighbridgeError('BAD_INPUT', `not a blast radius report: ${issue?.path.join('.')}: ${issue?.message}`, {
    next: 'Give the file as "weighbridge blast-radius --out" wrote it.',
  });
}

function broken(detail: string): WeighbridgeError {
  return new WeighbridgeError('PROOF_INVALID', `the report does not hold: ${detail}`, {
    next: 'Make the report again from the log: weighbridge blast-radius <dataset>.',
  });
}
