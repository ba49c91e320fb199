import { canonicalJson, toHex, WeighbridgeError, type Bytes32 } from '../kernel/index.js';
import type { Transaction } from '../platform/index.js';
import { keyIdOfRecord, positionOfRecord } from './commitment.js';
import { FIRST_POSITION } from './position.js';
import { parseEntry } from './record.js';
import type { Position } from './statements.js';
import { pureHasher } from './verify/rfc6962.js';

/**
 * Gives the next record of a dataset its place and fixes its bytes, in the caller's transaction: number and bytes are durable
 * together or not at all, so no number is given twice and none is left out. A record that is fixed will be in the log:
 * `DatasetLog` appends a dataset's records in their order, whoever comes next.
 * Take no row lock before this in the transaction: writers of one dataset wait for one another here.
 * @param seal makes the entry for its position
 */
export async function fixRecord(
  tx: Transaction,
  keyId: Bytes32,
  seal: (position: Position) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  await lockDataset(tx, keyId);
  const position = await nextPosition(tx, keyId);
  const entry = await seal(position);
  await insert(tx, keyId, position, entry);
  return entry;
}

/**
 * Takes a record that a party numbered and signed itself. The same record again changes nothing.
 * @throws WeighbridgeError RECORD_OUT_OF_ORDER if another record has that place; `details` hold the one that is free now
 */
export async function acceptRecord(tx: Transaction, entry: Uint8Array): Promise<void> {
  const record = parseEntry(entry);
  const [keyId, position] = [keyIdOfRecord(record), positionOfRecord(record)];
  await lockDataset(tx, keyId);
  const id = { keyId_sequence: { keyId, sequence: position.sequence } };
  const there = await tx.datasetRecord.findUnique({ where: id, select: { leafHash: true } });
  if (there?.leafHash === toHex(pureHasher.leaf(entry))) return;
  const next = await nextPosition(tx, keyId);
  if (canonicalJson(next) !== canonicalJson(position)) throw outOfOrder(position, next);
  await insert(tx, keyId, position, entry);
}

/** The place of the dataset's next record, as far as this transaction sees. */
export async function nextPosition(tx: Pick<Transaction, 'datasetRecord'>, keyId: Bytes32): Promise<Position> {
  const last = await tx.datasetRecord.findFirst({
    where: { keyId },
    orderBy: { sequence: 'desc' },
    select: { sequence: true, leafHash: true },
  });
  return last === null ? FIRST_POSITION : { sequence: last.sequence + 1, previous: last.leafHash };
}

/** Until the transaction ends, nobody else numbers a record of the dataset. Taking the lock again changes nothing. */
export async function lockDataset(tx: Transaction, keyId: Bytes32): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended('dataset ' || ${keyId}, 0))`;
}

async function insert(tx: Transaction, keyId: Bytes32, { sequence }: Position, entry: Uint8Array): Promise<void> {
  const leafHash = toHex(pureHasher.leaf(entry));
  await tx.datasetRecord.create({ data: { keyId, sequence, leafHash, entry: new Uint8Array(entry) } });
}

function outOfOrder({ sequence }: Position, next: Position): WeighbridgeError {
  return new WeighbridgeError('RECORD_OUT_OF_ORDER', `record ${sequence} of this dataset is another one`, {
    next: 'Sign the record again with the position in the details, and send it again.',
    details: { position: next },
  });
}
