import { canonicalJson, keyIdOf, WeighbridgeError, type Address, type Deployed } from '../kernel/index.js';
import { commitmentOfRecord } from './commitment.js';
import { parseEntry, verifyEntrySignature, type LogEntry } from './record.js';
import { builderId } from './run-record-builders.js';
import {
  consentSubject,
  datasetSubject,
  jobSubject,
  licenceSubject,
  storageSubject,
  weightsSubject,
} from './subjects.js';

/** Equal addresses, however their letters are cased. */
export function sameAddress(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/**
 * Reads an entry and checks all that it can be checked for by itself: form, commitment, agreement of its own fields,
 * signature, and that the signer is the party whose record this is.
 * @throws WeighbridgeError BAD_INPUT (form), PROOF_INVALID (disagreement), BAD_SIGNATURE
 */
export async function verifyEntry(
  bytes: Uint8Array,
  { market, recorder }: { market: Deployed; recorder: Address },
): Promise<LogEntry> {
  const entry = parseEntry(bytes);
  assertEntryAgrees(entry, market);
  const expected = signerOf(entry, recorder);
  if (!sameAddress(entry.signer, expected) || !(await verifyEntrySignature(entry))) {
    throw new WeighbridgeError('BAD_SIGNATURE', `the ${entry.type} record is not signed by ${expected}`, {
      next: 'Do not rely on this record; have the party itself sign it.',
      details: { type: entry.type, expected, named: entry.signer },
    });
  }
  return entry;
}

/** Whose signature a record must carry. */
export function signerOf(entry: LogEntry, recorder: Address): Address {
  switch (entry.type) {
    case 'dataset-listed':
      return entry.predicate.offer.seller;
    case 'access-granted':
    case 'training-refused':
      return entry.predicate.operator;
    case 'training-completed':
      return entry.predicate.buildDefinition.internalParameters.worker;
    case 'consent-revoked':
      return entry.predicate.seller;
    case 'licence-issued':
    case 'job-settled':
    case 'possession-fault':
    case 'copy-repaired':
    case 'storage-warning':
      return recorder;
  }
}

/**
 * Header line and envelope say the same thing, and the envelope does not contradict itself: contracts see the header
 * only, people read the statement only.
 * @throws WeighbridgeError PROOF_INVALID naming what disagrees, BAD_INPUT
 */
export function assertEntryAgrees(entry: LogEntry, market: Deployed): void {
  const disagree = (what: string): WeighbridgeError =>
    new WeighbridgeError('PROOF_INVALID', `the ${entry.type} record disagrees with itself: ${what}`, {
      next: 'Do not rely on this record; ask whoever signed it.',
    });
  if (entry.chainId !== market.chainId) throw disagree('signed for another chain');
  if (commitmentOfRecord(entry, market) !== entry.commitment) throw disagree('header line and statement differ');
  if (canonicalJson(entry.statement.subject) !== canonicalJson([subjectOf(entry)])) throw disagree('subject');
  const field = contradiction(entry, market);
  if (field !== undefined) throw disagree(field);
}

/** The one subject that the record must have. A completion's is the weights, whose digest the commitment has bound. */
function subjectOf(entry: LogEntry): LogEntry['statement']['subject'][number] {
  switch (entry.type) {
    case 'dataset-listed':
      return datasetSubject(entry.predicate);
    case 'licence-issued':
      return licenceSubject(entry.predicate);
    case 'training-completed':
      return weightsSubject(entry.statement.subject[0]?.digest.sha256 ?? '');
    case 'access-granted':
    case 'training-refused':
    case 'job-settled':
      return jobSubject(entry.predicate.orderId);
    case 'consent-revoked':
      return consentSubject(entry.predicate);
    case 'possession-fault':
    case 'copy-repaired':
    case 'storage-warning':
      return storageSubject(entry.predicate.keyId);
  }
}

/** The first field that says again, and differently, what another already said. */
function contradiction(entry: LogEntry, market: Deployed): string | undefined {
  if (entry.type === 'dataset-listed') {
    const { offer, keyId } = entry.predicate;
    return keyIdOf(offer.seller, offer.datasetId, offer.version) === keyId ? undefined : 'key id';
  }
  if (entry.type === 'consent-revoked') {
    const { seller, datasetId, version, keyId } = entry.predicate;
    return keyIdOf(seller, datasetId, version) === keyId ? undefined : 'key id';
  }
  if (entry.type === 'licence-issued') return entry.predicate.licenceId === entry.commitment ? undefined : 'licence id';
  if (entry.type === 'training-completed') {
    const { buildDefinition, runDetails } = entry.predicate;
    const { externalParameters, internalParameters } = buildDefinition;
    if (runDetails.metadata.invocationId !== externalParameters.orderId) return 'invocation id';
    if (runDetails.builder.id !== builderId(market.chainId, internalParameters.operator)) return 'builder';
  }
  return undefined;
}
