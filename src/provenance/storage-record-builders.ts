import type { Address, Bytes32, Deployed } from '../kernel/index.js';
import type { UnsignedRecord } from './record.js';
import type { FaultKind } from './statements.js';
import { storageSubject } from './subjects.js';
import { unsigned, type Placed } from './unsigned-record.js';

/** `possession-fault`, signed by the recorder: a copy of a dataset that could not be proven, found or read. */
export function possessionFaultRecord(
  market: Deployed,
  input: Placed & {
    keyId: Bytes32;
    providerId: number;
    provider: Address;
    dataSetId: number;
    kind: FaultKind;
    periods: number;
    epoch: number;
    observedAt: Date;
  },
): UnsignedRecord<'possession-fault'> {
  const predicate = { ...input, observedAt: input.observedAt.toISOString() };
  return unsigned(market, 'possession-fault', storageSubject(input.keyId), predicate);
}

/** `copy-repaired`, signed by the recorder once the chain lists every piece of the new copy. */
export function copyRepairedRecord(
  market: Deployed,
  input: Placed & {
    keyId: Bytes32;
    replacedDataSetId: number;
    providerId: number;
    dataSetId: number;
    pieces: number;
    repairedAt: Date;
  },
): UnsignedRecord<'copy-repaired'> {
  const predicate = { ...input, repairedAt: input.repairedAt.toISOString() };
  return unsigned(market, 'copy-repaired', storageSubject(input.keyId), predicate);
}

/** `storage-warning`, signed by the recorder: what the seller paid in for storage runs out. */
export function storageWarningRecord(
  market: Deployed,
  input: Placed & { keyId: Bytes32; daysLeft: number; fundedUntilEpoch: number; warnedAt: Date },
): UnsignedRecord<'storage-warning'> {
  const predicate = { ...input, warnedAt: input.warnedAt.toISOString() };
  return unsigned(market, 'storage-warning', storageSubject(input.keyId), predicate);
}
