import type { Address } from '../../kernel/index.js';
import { keyIdOfRecord, licenceOfRecord, orderIdOfRecord, positionOfRecord, weightsOfRecord } from '../commitment.js';
import { parseEntry, type LogEntry } from '../record.js';
import type { IndexedEntry } from '../tiles/read-entries.js';
import type { IndexedRecord } from './ports.js';

/**
 * What the index keeps of an entry; undefined for bytes that are no record of ours. Nothing is verified here but the
 * form: the index is for finding records, and whoever relies on one verifies it.
 */
export function describeEntry({ index, entry, leafHash }: IndexedEntry): IndexedRecord | undefined {
  const record = parsed(entry);
  if (record === undefined) return undefined;
  const { type } = record;
  const [keyId, orderId] = [keyIdOfRecord(record), orderIdOfRecord(record)];
  const { sequence } = positionOfRecord(record);
  const about = { type, keyId, sequence, orderId, licence: licenceOfRecord(record), ...weightsOfRecord(record) };
  const { actor, at } = actOf(record);
  return { index, leafHash, ...about, actor, at: new Date(at) };
}

function parsed(entry: Uint8Array): LogEntry | undefined {
  try {
    return parseEntry(entry);
  } catch {
    return undefined;
  }
}

/** Who acted, where the record names one, and when it says that was. */
function actOf(record: LogEntry): { actor?: Address; at: string } {
  switch (record.type) {
    case 'dataset-listed':
      return { actor: record.predicate.offer.seller, at: record.predicate.listedAt };
    case 'licence-issued':
      return { actor: record.predicate.licence.buyer, at: record.predicate.issuedAt };
    case 'access-granted':
      return { actor: record.predicate.buyer, at: record.predicate.grantedAt };
    case 'training-completed': {
      const { buildDefinition, runDetails } = record.predicate;
      return { actor: buildDefinition.internalParameters.worker, at: runDetails.metadata.finishedOn };
    }
    case 'training-refused':
      return { actor: record.predicate.operator, at: record.predicate.refusedAt };
    case 'job-settled':
      return { at: record.predicate.settledAt };
    case 'consent-revoked':
      return { actor: record.predicate.seller, at: record.predicate.revokedAt };
    case 'possession-fault':
      return { actor: record.predicate.provider, at: record.predicate.observedAt };
    case 'copy-repaired':
      return { at: record.predicate.repairedAt };
    case 'storage-warning':
      return { at: record.predicate.warnedAt };
  }
}
