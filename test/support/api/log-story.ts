import { privateKeyToAccount } from 'viem/accounts';
import { splitOf, type Address, type Bytes32, type Offer, type Order } from '../../../src/kernel/index.js';
import type { PrismaService } from '../../../src/platform/index.js';
import {
  accessGrantedRecord,
  DatasetLog,
  fixRecord,
  jobSettledRecord,
  sealRecord,
  trainingCompletedRecord,
  type LogClient,
  type Position,
  type RecordSigner,
  type UnsignedRecord,
} from '../../../src/provenance/index.js';
import { orderIdOf } from '../../../src/kernel/index.js';
import { randomWord } from '../ceramic-batches.js';
import { market, parties, protocolFeeBps, trainer } from '../provenance-story.js';

export interface Run {
  keyId: Bytes32;
  licence: Bytes32;
  offer: Offer;
  /** The licence's buyer, of no account that is known unless it is given. */
  buyer?: Address;
  /** SHA-256 of what was trained, and of what it began with. */
  weights: string;
  initialWeights: string;
}

/** Logs a settled run, its records in their places: access, completion, payout. What was trained is made up. @returns the job's id */
export async function logRun({ log, prisma }: { log: LogClient; prisma: PrismaService }, run: Run): Promise<Bytes32> {
  const { keyId, licence, offer } = run;
  const [operator, recorder] = [parties.operator, parties.recorder];
  const worker = privateKeyToAccount(randomWord());
  const order: Order = {
    keyId,
    offer: randomWord(),
    buyer: parties.buyer.address,
    operator: operator.address,
    licence,
    jobDigest: randomWord(),
    epsilonMicros: 0n,
    deadline: 1_900_000_000n,
    salt: randomWord(),
  };
  const orderId = orderIdOf(market, order);
  const ordered = new DatasetLog(log, prisma);
  const add = async (signer: RecordSigner, build: (position: Position) => UnsignedRecord): Promise<Uint8Array> => {
    const seal = async (position: Position) => sealRecord({ ...build(position), signer });
    const entry = await prisma.$transaction(async (tx) => fixRecord(tx, keyId, seal));
    await ordered.append(entry);
    return entry;
  };
  const assignSignature = await operator.signMessage({ message: orderId });
  const granted = {
    order,
    buyer: run.buyer ?? parties.pseudonym.address,
    worker: worker.address,
    assignSignature,
    grantedAt: new Date(1000),
  };
  const accessEntry = await add(operator, (position) => accessGrantedRecord(market, { ...granted, position }));
  const completed = {
    order,
    worker: worker.address,
    weightsSha256: run.weights,
    ciphertextSha256: '44'.repeat(32),
    manifestDigest: offer.manifestDigest,
    initialWeightsSha256: run.initialWeights,
    accessEntry,
    epochs: 1,
    privacy: 'none' as const,
    attested: false,
    trainer,
    startedAt: new Date(2000),
    finishedAt: new Date(3000),
  };
  await add(worker, (position) => trainingCompletedRecord(market, { ...completed, position }));
  const payouts = splitOf(
    offer,
    { operator: operator.address, epsilonMicros: 0n },
    parties.treasury.address,
    protocolFeeBps,
  );
  const settled = { orderId, keyId, outcome: 'settled' as const, transaction: randomWord(), payouts };
  await add(recorder, (position) => jobSettledRecord(market, { ...settled, settledAt: new Date(4000), position }));
  return orderId;
}
