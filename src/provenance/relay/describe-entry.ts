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
  return { index, leafHash, ...about, actor: actorOf(record), at: new Date(timeOf(record)) };
}

function parsed(entry: Uint8Array): LogEntry | undefined {
  try {
    return parseEntry(entry);
  } catch {
    return undefined;
  }
}

function actorOf(record: LogEntry): Address | undefined {
  switch (record.type) {
    case 'dataset-listed':
      return record.predicate.offer.seller;
    case 'licence-issued':
      return record.predicate.licence.buyer;
    case 'access-granted':
      return record.predicate.buyer;
    case 'training-completed':
      return record.predicate.buildDefinition.internalParameters.worker;
    case 'training-refused':
      return record.predicate.operator;
    case 'consent-revoked':
      return record.predicate.seller;
    case 'possession-fault':
      return record.predicate.provider;
    case 'job-settled':
    case 'copy-repaired':
    case 'storage-warning':
      return undefined;
  }
}

function timeOf(record: LogEntry): string {
  switch (record.type) {
    case 'dataset-listed':
      return record.predicate.listedAt;
    case 'licence-issued':
      return record.predicate.issuedAt;
    case 'access-granted':
      return record.predicate.grantedAt;
    case 'training-completed':
      return record.predicate.runDetails.metadata.finishedOn;
    case 'training-refused':
      return record.predicate.refusedAt;
    case 'job-settled':
      return record.predicate.settledAt;
    case 'consent-revoked':
      return record.predicate.revokedAt;
    case 'possession-fault':
      return record.predicate.observedAt;
    case 'copy-repaired':
      return record.predicate.repairedAt;
    case 'storage-warning':
      return record.predicate.warnedAt;
  }
}
