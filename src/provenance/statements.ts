import { z } from 'zod';
import { addressSchema, bytes32Schema, hexBytesSchema, licenceJson, offerJson } from '../kernel/index.js';

/**
 * What each log entry says: in-toto Statements v1, one predicate a type. A statement is public for ever: addresses,
 * digests, codes and times only. Purposes and other personal detail appear as salted commitments.
 * Amounts are decimal strings of wei, times ISO 8601 in UTC, digests as marked (`0x` hex on chain, bare hex for files).
 */
export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
export const PAYLOAD_TYPE = 'application/vnd.in-toto+json';

export const RECORD_TYPES = [
  'dataset-listed',
  'licence-issued',
  'access-granted',
  'training-completed',
  'training-refused',
  'job-settled',
  'consent-revoked',
  'possession-fault',
  'copy-repaired',
  'storage-warning',
] as const;
export type RecordType = (typeof RECORD_TYPES)[number];

export const PREDICATE_TYPES = {
  'dataset-listed': 'https://weighbridge.dev/dataset-listed/v1',
  'licence-issued': 'https://weighbridge.dev/licence-issued/v1',
  'access-granted': 'https://weighbridge.dev/access-granted/v1',
  /** SLSA Provenance v1 itself, so that stock tools read how a model was made. */
  'training-completed': 'https://slsa.dev/provenance/v1',
  'training-refused': 'https://weighbridge.dev/training-refused/v1',
  'job-settled': 'https://weighbridge.dev/job-settled/v1',
  'consent-revoked': 'https://weighbridge.dev/consent-revoked/v1',
  'possession-fault': 'https://weighbridge.dev/possession-fault/v1',
  'copy-repaired': 'https://weighbridge.dev/copy-repaired/v1',
  'storage-warning': 'https://weighbridge.dev/storage-warning/v1',
} as const satisfies Record<RecordType, string>;

export const TRAINING_BUILD_TYPE = 'https://weighbridge.dev/training/v1';

/** Why a job ended without weights. Closed; on chain it is the ASCII code right-padded to bytes32. */
export const REFUSAL_REASONS = [
  'key-denied',
  'key-nodes-down',
  'data-unavailable',
  'data-corrupt',
  'model-rejected',
  'rows-mix',
  'model-too-large',
  'data-does-not-fit',
  'out-of-memory',
  'out-of-time',
  'trainer-failed',
  'gate-refused',
  'licence-revoked',
  'dataset-revoked',
  'deadline-passed',
  'cancelled',
] as const;
export type RefusalReason = (typeof REFUSAL_REASONS)[number];

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const wei = z.string().regex(/^(0|[1-9]\d*)$/);
const isoTime = z.iso.datetime();
const chainNumber = z.number().int().nonnegative();

/**
 * Most records of one dataset: the index keeps numbers of 32 bits, and one record beyond them would stop the relay of all the
 * others. One less than they hold, so that there is a bound above every record.
 */
export const MAX_SEQUENCE = 2 ** 31 - 2;

/**
 * Where a record stands among the records of its dataset, signed with the rest: its number, from 1, and the RFC 6962 leaf hash
 * of the one before it. Whoever holds some of a dataset's records sees which are missing.
 */
const position = z
  .strictObject({ sequence: z.number().int().positive().max(MAX_SEQUENCE), previous: sha256.nullable() })
  .refine(
    ({ sequence, previous }) => (sequence === 1) === (previous === null),
    'only the first record has none before it',
  );
export type Position = z.infer<typeof position>;

/** What a run may lose of the rows' privacy: enough for anyone to compute it again. */
export const runPrivacy = z.union([
  z.literal('none'),
  z.strictObject({
    epsilon: z.number(),
    delta: z.number(),
    noiseMultiplier: z.number(),
    samplingRate: z.number(),
    steps: z.number().int().positive(),
    /** The column whose values are protected whole; null where each row is. */
    unitColumn: z.string().nullable(),
    /** A noised number about rows that are held out, if the run bought one. */
    metric: z.strictObject({ name: z.enum(['accuracy', 'loss']), noiseMultiplier: z.number() }).optional(),
    /** The noised sums that columns are standardised by, if the run does that. */
    moments: z.strictObject({ noiseMultiplier: z.number() }).optional(),
    /** SHA-256 of the secret seed of sampling and noise: whoever replays the run shows that it is this one. */
    seedCommitment: sha256,
  }),
]);
export type RunPrivacy = z.infer<typeof runPrivacy>;

export const datasetListed = z.strictObject({
  keyId: bytes32Schema,
  offer: offerJson,
  /** The seller's EIP-712 signature over the offer. */
  offerSignature: hexBytesSchema,
  pieces: z.array(z.strictObject({ pieceCid: z.string(), sizeBytes: z.number().int().positive() })).min(1),
  /** Data sets on chain that hold every piece, each at another provider; later ones are `copy-repaired` records. */
  copies: z.array(z.strictObject({ providerId: chainNumber, dataSetId: chainNumber })).min(1),
  position,
  listedAt: isoTime,
});

export const licenceIssued = z.strictObject({
  licenceId: bytes32Schema,
  licence: licenceJson,
  /** The EIP-712 signature of the licence's buyer, a pseudonym, over it. */
  licenceSignature: hexBytesSchema,
  position,
  issuedAt: isoTime,
});

export const accessGranted = z.strictObject({
  orderId: bytes32Schema,
  keyId: bytes32Schema,
  licence: bytes32Schema,
  /** As the licence has it: a pseudonym for this dataset. */
  buyer: addressSchema,
  operator: addressSchema,
  /** A fresh address that serves this order alone. */
  worker: addressSchema,
  /** The operator's EIP-712 `Assign(orderId, worker)`. */
  assignSignature: hexBytesSchema,
  jobDigest: bytes32Schema,
  privacy: runPrivacy,
  position,
  grantedAt: isoTime,
});

/**
 * What trained, and on what: with the same rows, the same declaration, the same seed and all of this, the same weights come
 * out bit by bit. `weighbridge replay` refuses where one of them differs.
 */
export const trainerIdentity = z.strictObject({
  name: z.string(),
  version: z.string(),
  jax: z.string(),
  jaxlib: z.string(),
  python: z.string(),
  /** Of the compiled program: sums that threads share add up in another order with another number of them. */
  threads: z.number().int().positive(),
  /** Processor or GPU class: the compiler makes another program for another one. */
  device: z.string(),
});
export type TrainerIdentity = z.infer<typeof trainerIdentity>;

/** SLSA Provenance v1, with our parameters in its open places. */
export const trainingCompleted = z.strictObject({
  buildDefinition: z.strictObject({
    buildType: z.literal(TRAINING_BUILD_TYPE),
    externalParameters: z.strictObject({
      orderId: bytes32Schema,
      keyId: bytes32Schema,
      jobDigest: bytes32Schema,
      epochs: z.number().int().positive(),
      /** "none" in so many words, or the budget that was spent. */
      privacy: z.union([z.literal('none'), z.strictObject({ epsilon: z.number(), delta: z.number() })]),
    }),
    internalParameters: z.strictObject({
      operator: addressSchema,
      worker: addressSchema,
      attested: z.boolean(),
      trainer: trainerIdentity,
      /** As `access-granted` has it; null where nothing was drawn in secret: then the declaration's seed decides all. */
      seedCommitment: sha256.nullable(),
      position,
    }),
    /** The dataset manifest, the model declaration, the initial weights and the access record, by digest. */
    resolvedDependencies: z.array(z.strictObject({ uri: z.string(), digest: z.strictObject({ sha256 }) })).min(4),
  }),
  runDetails: z.strictObject({
    builder: z.strictObject({ id: z.string() }),
    metadata: z.strictObject({ invocationId: z.string(), startedOn: isoTime, finishedOn: isoTime }),
    byproducts: z.array(z.strictObject({ name: z.string(), digest: z.strictObject({ sha256 }) })),
  }),
});

export const trainingRefused = z.strictObject({
  orderId: bytes32Schema,
  keyId: bytes32Schema,
  operator: addressSchema,
  reason: z.enum(REFUSAL_REASONS),
  /** Whether the key could be released before: what the run takes of the privacy budget is spent then. */
  privacySpent: z.boolean(),
  position,
  refusedAt: isoTime,
});

export const jobSettled = z.strictObject({
  orderId: bytes32Schema,
  keyId: bytes32Schema,
  outcome: z.enum(['settled', 'refunded']),
  transaction: bytes32Schema,
  payouts: z.array(z.strictObject({ to: addressSchema, amount: wei })),
  position,
  settledAt: isoTime,
});

export const consentRevoked = z.strictObject({
  keyId: bytes32Schema,
  /** With `seller` these make the key id, so that nobody else's word can revoke. */
  datasetId: bytes32Schema,
  version: z.number().int().positive(),
  seller: addressSchema,
  /** The one licence that ends; null for the whole dataset version. */
  licence: bytes32Schema.nullable(),
  position,
  revokedAt: isoTime,
});

/** What was wrong with a copy. Closed. */
export const FAULT_KINDS = ['missed-proof', 'piece-missing', 'piece-corrupt', 'unreachable'] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export const possessionFault = z.strictObject({
  keyId: bytes32Schema,
  providerId: chainNumber,
  provider: addressSchema,
  /** The provider's data set that holds the copy. */
  dataSetId: chainNumber,
  kind: z.enum(FAULT_KINDS),
  /** Proving periods without a proof; 0 where it was seen in another way. */
  periods: z.number().int().nonnegative(),
  /** Epoch at which it was seen. */
  epoch: chainNumber,
  position,
  observedAt: isoTime,
});

export const copyRepaired = z.strictObject({
  keyId: bytes32Schema,
  replacedDataSetId: chainNumber,
  providerId: chainNumber,
  dataSetId: chainNumber,
  pieces: z.number().int().positive(),
  position,
  repairedAt: isoTime,
});

/** The seller's deposit for storage runs out. */
export const storageWarning = z.strictObject({
  keyId: bytes32Schema,
  daysLeft: z.number().int().nonnegative(),
  fundedUntilEpoch: chainNumber,
  position,
  warnedAt: isoTime,
});

export const PREDICATES = {
  'dataset-listed': datasetListed,
  'licence-issued': licenceIssued,
  'access-granted': accessGranted,
  'training-completed': trainingCompleted,
  'training-refused': trainingRefused,
  'job-settled': jobSettled,
  'consent-revoked': consentRevoked,
  'possession-fault': possessionFault,
  'copy-repaired': copyRepaired,
  'storage-warning': storageWarning,
} as const satisfies Record<RecordType, z.ZodType>;

export type Predicates = { [T in RecordType]: z.infer<(typeof PREDICATES)[T]> };

/** `subject[0]` names what the record is about: `dataset:<keyId>`, `licence:<id>`, `job:<orderId>`, or the weights file. */
export const statementSchema = z.strictObject({
  _type: z.literal(STATEMENT_TYPE),
  subject: z.array(z.strictObject({ name: z.string(), digest: z.strictObject({ sha256 }) })).min(1),
  predicateType: z.string(),
  /** Its type says by which schema it is read. */
  predicate: z.custom<Record<string, unknown>>(isObject, 'expected an object'),
});
export type Statement = z.infer<typeof statementSchema>;

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * DSSE v1. A signature is EIP-191 `personal_sign` over the DSSE pre-authentication encoding, so an ordinary wallet can
 * make it; `keyid` is CAIP-10, `eip155:<chain id>:<address>`.
 */
export const envelopeSchema = z.strictObject({
  payloadType: z.literal(PAYLOAD_TYPE),
  payload: z.base64(),
  signatures: z.array(z.strictObject({ keyid: z.string(), sig: z.string() })).length(1),
});
export type Envelope = z.infer<typeof envelopeSchema>;
