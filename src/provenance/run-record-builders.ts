import {
  orderIdOf,
  sha256Hex,
  shareToJson,
  type Address,
  type Bytes32,
  type Deployed,
  type Hex,
  type Order,
  type Share,
} from '../kernel/index.js';
import type { UnsignedRecord } from './record.js';
import {
  TRAINING_BUILD_TYPE,
  type Predicates,
  type RefusalReason,
  type RunPrivacy,
  type TrainerIdentity,
} from './statements.js';
import { CIPHERTEXT_NAME, INITIAL_WEIGHTS_URI, jobSubject, MODEL_FILES_NAME, weightsSubject } from './subjects.js';
import { unsigned, type Placed } from './unsigned-record.js';

/** `access-granted`, signed by the operator, before any key is asked for. */
export function accessGrantedRecord(
  market: Deployed,
  input: Placed & {
    order: Order;
    /** The order's buyer under its pseudonym: `buyer` of the licence. */
    buyer: Address;
    worker: Address;
    /** The operator's EIP-712 `Assign(orderId, worker)`. */
    assignSignature: Hex;
    /** 'none' unless it is said. */
    privacy?: RunPrivacy;
    grantedAt: Date;
  },
): UnsignedRecord<'access-granted'> {
  const { order } = input;
  const orderId = orderIdOf(market, order);
  const predicate: Predicates['access-granted'] = {
    orderId,
    keyId: order.keyId,
    licence: order.licence,
    buyer: input.buyer,
    operator: order.operator,
    worker: input.worker,
    assignSignature: input.assignSignature,
    jobDigest: order.jobDigest,
    position: input.position,
    privacy: input.privacy ?? 'none',
    grantedAt: input.grantedAt.toISOString(),
  };
  return unsigned(market, 'access-granted', jobSubject(orderId), predicate);
}

/** What a run adds to its order. Digests are 64 hex digits without `0x`. */
export interface TrainingFacts extends Placed {
  order: Order;
  worker: Address;
  /** SHA-256 of the plaintext safetensors file that passed the gate. */
  weightsSha256: string;
  /** SHA-256 of the age file made of it. */
  ciphertextSha256: string;
  /** Of the canonical JSON of card, bill of materials and signature, if there are any. */
  modelFilesSha256?: string;
  /** From the seller's offer. */
  manifestDigest: Bytes32;
  /** Of the model declaration: the weights that the run began with, perhaps another run's. */
  initialWeightsSha256: string;
  /** The bytes of the `access-granted` entry that opened the data. */
  accessEntry: Uint8Array;
  epochs: number;
  privacy: 'none' | { epsilon: number; delta: number };
  /** Whether the node ran in attested confidential hardware. */
  attested: boolean;
  trainer: TrainerIdentity;
  /** SHA-256 of a private run's secret seed. */
  seedCommitment?: string;
  startedAt: Date;
  finishedAt: Date;
}

/** `training-completed`: SLSA Provenance v1 of the weights, signed by the job's worker key. */
export function trainingCompletedRecord(market: Deployed, facts: TrainingFacts): UnsignedRecord<'training-completed'> {
  const { order } = facts;
  const orderId = orderIdOf(market, order);
  const predicate: Predicates['training-completed'] = {
    buildDefinition: {
      buildType: TRAINING_BUILD_TYPE,
      externalParameters: {
        orderId,
        keyId: order.keyId,
        jobDigest: order.jobDigest,
        epochs: facts.epochs,
        privacy: facts.privacy,
      },
      internalParameters: {
        operator: order.operator,
        worker: facts.worker,
        attested: facts.attested,
        trainer: facts.trainer,
        seedCommitment: facts.seedCommitment ?? null,
        position: facts.position,
      },
      resolvedDependencies: dependenciesOf(orderId, order, {
        manifestDigest: facts.manifestDigest,
        initialWeightsSha256: facts.initialWeightsSha256,
        accessEntrySha256: sha256Hex(facts.accessEntry),
      }),
    },
    runDetails: {
      builder: { id: builderId(market.chainId, order.operator) },
      metadata: {
        invocationId: orderId,
        startedOn: facts.startedAt.toISOString(),
        finishedOn: facts.finishedAt.toISOString(),
      },
      byproducts: [
        { name: CIPHERTEXT_NAME, digest: { sha256: facts.ciphertextSha256 } },
        ...(facts.modelFilesSha256 === undefined
          ? []
          : [{ name: MODEL_FILES_NAME, digest: { sha256: facts.modelFilesSha256 } }]),
      ],
    },
  };
  return unsigned(market, 'training-completed', weightsSubject(facts.weightsSha256), predicate);
}

/** What went into a model: dataset manifest, model declaration, initial weights, access record (SHA-256 of its entry). */
export function dependenciesOf(
  orderId: Bytes32,
  order: { keyId: Bytes32; jobDigest: Bytes32 },
  digests: { manifestDigest: Bytes32; initialWeightsSha256: string; accessEntrySha256: string },
): Predicates['training-completed']['buildDefinition']['resolvedDependencies'] {
  return [
    { uri: `weighbridge:dataset:${order.keyId}`, digest: { sha256: digests.manifestDigest.slice(2) } },
    { uri: `weighbridge:model:${order.jobDigest}`, digest: { sha256: order.jobDigest.slice(2) } },
    { uri: INITIAL_WEIGHTS_URI, digest: { sha256: digests.initialWeightsSha256 } },
    { uri: `weighbridge:access-granted:${orderId}`, digest: { sha256: digests.accessEntrySha256 } },
  ];
}

/** CAIP-10 account of the operator that trained. */
export function builderId(chainId: number, operator: Address): string {
  return `eip155:${chainId}:${operator}`;
}

/** `training-refused`, signed by the operator: the ground for the buyer's refund. */
export function trainingRefusedRecord(
  market: Deployed,
  input: Placed & { order: Order; reason: RefusalReason; privacySpent?: boolean; refusedAt: Date },
): UnsignedRecord<'training-refused'> {
  const { order, reason, position, privacySpent = false } = input;
  const orderId = orderIdOf(market, order);
  const refusedAt = input.refusedAt.toISOString();
  const predicate = {
    orderId,
    keyId: order.keyId,
    operator: order.operator,
    reason,
    privacySpent,
    position,
    refusedAt,
  };
  return unsigned(market, 'training-refused', jobSubject(orderId), predicate);
}

/** `job-settled`, signed by the recorder after the money moved. */
export function jobSettledRecord(
  market: Deployed,
  input: Placed & {
    orderId: Bytes32;
    keyId: Bytes32;
    outcome: 'settled' | 'refunded';
    transaction: Bytes32;
    /** Who was paid what, in the order of the split. */
    payouts: Share[];
    settledAt: Date;
  },
): UnsignedRecord<'job-settled'> {
  const { orderId, keyId, outcome, transaction, position } = input;
  const payouts = input.payouts.map(shareToJson);
  const settledAt = input.settledAt.toISOString();
  const predicate = { orderId, keyId, outcome, transaction, payouts, position, settledAt };
  return unsigned(market, 'job-settled', jobSubject(orderId), predicate);
}
