import { toHex, type Bytes32 } from '../../src/kernel/index.js';
import { accessGrantedRecord, FIRST_POSITION, sealRecord } from '../../src/provenance/index.js';
import { LogRecordSource, type BatchedRecord, type RecordSource } from '../../src/provenance/relay/index.js';
import { pureHasher } from '../../src/provenance/verify/rfc6962.js';
import { randomWord } from './ceramic-batches.js';
import { formatCheckpoint } from '../../src/provenance/verify/index.js';
import { memoryLog } from './memory-log.js';
import { ORIGIN, signNote } from './noted-log.js';
import { market, parties } from './provenance-story.js';

/** A log of these entries, as `LogRecordSource` sees one. */
export function sourceOf(entries: Uint8Array[]): RecordSource {
  const { head, tile } = memoryLog(entries);
  const note = signNote(formatCheckpoint({ origin: ORIGIN, ...head }));
  const checkpoint = async () => ({ size: head.size, root: toHex(head.root), note, signatures: [] });
  return new LogRecordSource({ checkpoint, tile });
}

/** Access records of one dataset version, each of another order; of their positions only the numbers are right. */
export async function accesses(keyId: Bytes32, count: number): Promise<Uint8Array[]> {
  const order = {
    keyId,
    licence: randomWord(),
    offer: randomWord(),
    jobDigest: randomWord(),
    epsilonMicros: 0n,
    deadline: 1_900_000_000n,
  };
  const [buyer, operator, worker] = [parties.pseudonym.address, parties.operator.address, parties.worker.address];
  return Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const assignSignature = await parties.operator.signMessage({ message: `assign ${i}` });
      const grantedAt = new Date(Date.UTC(2026, 10, 25, 12, 0, i));
      const position = i === 0 ? FIRST_POSITION : { sequence: i + 1, previous: '00'.repeat(32) };
      const placed = { ...order, buyer, operator, salt: randomWord() };
      const facts = { order: placed, buyer, worker, assignSignature, position, grantedAt };
      return sealRecord({ ...accessGrantedRecord(market, facts), signer: parties.operator });
    }),
  );
}

/** As many of one record, each under a header of its own: well-formed and distinct, and cheap. */
export async function manyAccesses(keyId: Bytes32, count: number): Promise<Uint8Array[]> {
  const [record] = await accesses(keyId, 1);
  return Array.from({ length: count }, (_, i) => {
    const entry = Buffer.from(record ?? []);
    entry.write(i.toString(16).padStart(64, '0'), 'weighbridge/v1 access-granted '.length, 'latin1');
    return entry;
  });
}

/** What a batch says of entries that stand in the log from index `first` on. */
export function leaves(entries: Uint8Array[], first = 0): BatchedRecord[] {
  return entries.map((entry, i) => ({ index: first + i, leafHash: toHex(pureHasher.leaf(entry)) }));
}
