import { zeroHash } from 'viem';
import {
  accessDigest,
  asciiBytes32,
  completionDigest,
  copyRepairedDigest,
  licenceDigest,
  licenceFromJson,
  offerDigest,
  offerFromJson,
  possessionFaultDigest,
  refusalDigest,
  revocationDigest,
  settlementDigest,
  storageWarningDigest,
  WeighbridgeError,
  type Bytes32,
  type Completion,
  type Deployed,
} from '../kernel/index.js';
import type { LogEntry } from './record.js';
import type { Position } from './statements.js';
import { CIPHERTEXT_NAME, INITIAL_WEIGHTS_URI, MODEL_FILES_NAME, WEIGHTS_NAME } from './subjects.js';

/** As much of an entry as says what it is about. */
type DistributivePick<T, K extends keyof T> = T extends unknown ? Pick<T, K> : never;
export type RecordContent = DistributivePick<LogEntry, 'type' | 'statement' | 'predicate'>;

/**
 * The EIP-712 digest that the header line of such a record must carry, computed from the record's own fields.
 * @param market - chain id and Marketplace address: a record of another deployment has another commitment.
 * @throws WeighbridgeError BAD_INPUT if a field has no EIP-712 form (an amount beyond uint128, a wrong checksum)
 */
export function commitmentOfRecord(record: RecordContent, market: Deployed): Bytes32 {
  try {
    return digestOf(record, market);
  } catch (cause) {
    if (cause instanceof WeighbridgeError) throw cause;
    throw new WeighbridgeError('BAD_INPUT', `a ${record.type} record with a field that EIP-712 cannot hold`, {
      next: 'Build the record with the functions of src/provenance.',
      cause,
    });
  }
}

function digestOf(record: RecordContent, market: Deployed): Bytes32 {
  switch (record.type) {
    case 'dataset-listed':
      return offerDigest(market, offerFromJson(record.predicate.offer));
    case 'licence-issued':
      return licenceDigest(market, licenceFromJson(record.predicate.licence));
    case 'access-granted': {
      const { orderId, keyId, licence, worker } = record.predicate;
      return accessDigest(market, { orderId, keyId, licence, worker });
    }
    case 'training-completed':
      return completionDigest(market, completionOf(record));
    case 'training-refused':
      return refusalDigest(market, {
        orderId: record.predicate.orderId,
        reason: asciiBytes32(record.predicate.reason),
      });
    case 'job-settled': {
      const { orderId, transaction, outcome } = record.predicate;
      return settlementDigest(market, { orderId, transaction, outcome: asciiBytes32(outcome) });
    }
    case 'consent-revoked': {
      const { keyId, licence } = record.predicate;
      return revocationDigest(market, { keyId, licence: licence ?? zeroHash });
    }
    case 'possession-fault': {
      const { keyId, providerId, dataSetId, kind, epoch } = record.predicate;
      const fault = { keyId, providerId: BigInt(providerId), dataSetId: BigInt(dataSetId), epoch: BigInt(epoch) };
      return possessionFaultDigest(market, { ...fault, kind: asciiBytes32(kind) });
    }
    case 'copy-repaired': {
      const { keyId, replacedDataSetId, providerId, dataSetId } = record.predicate;
      const copy = { providerId: BigInt(providerId), dataSetId: BigInt(dataSetId) };
      return copyRepairedDigest(market, { keyId, replacedDataSetId: BigInt(replacedDataSetId), ...copy });
    }
    case 'storage-warning': {
      const { keyId, daysLeft, fundedUntilEpoch } = record.predicate;
      return storageWarningDigest(market, { keyId, daysLeft, fundedUntilEpoch: BigInt(fundedUntilEpoch) });
    }
  }
}

/**
 * What `Marketplace.settle` needs of a `training-completed` record.
 * @throws WeighbridgeError BAD_INPUT unless the subject is the weights, and the byproducts are their age file and, maybe, the model's files
 */
export function completionOf(record: Extract<RecordContent, { type: 'training-completed' }>): Completion {
  const { buildDefinition, runDetails } = record.predicate;
  const [weights] = record.statement.subject;
  const [ciphertext, modelFiles, ...more] = runDetails.byproducts;
  const others = modelFiles !== undefined && modelFiles.name !== MODEL_FILES_NAME;
  if (weights?.name !== WEIGHTS_NAME || ciphertext?.name !== CIPHERTEXT_NAME || others || more.length > 0) {
    throw new WeighbridgeError('BAD_INPUT', `a completion must name ${WEIGHTS_NAME} and ${CIPHERTEXT_NAME}`, {
      next: 'Build the record with trainingCompletedRecord.',
    });
  }
  return {
    orderId: buildDefinition.externalParameters.orderId,
    worker: buildDefinition.internalParameters.worker,
    weightsDigest: `0x${weights.digest.sha256}`,
    ciphertextDigest: `0x${ciphertext.digest.sha256}`,
  };
}

/** The dataset version that a record is about. */
export function keyIdOfRecord(record: RecordContent): Bytes32 {
  switch (record.type) {
    case 'licence-issued':
      return record.predicate.licence.keyId;
    case 'training-completed':
      return record.predicate.buildDefinition.externalParameters.keyId;
    case 'dataset-listed':
    case 'access-granted':
    case 'training-refused':
    case 'job-settled':
    case 'consent-revoked':
    case 'possession-fault':
    case 'copy-repaired':
    case 'storage-warning':
      return record.predicate.keyId;
  }
}

/** Where a record says that it stands among its dataset's. */
export function positionOfRecord(record: RecordContent): Position {
  if (record.type === 'training-completed') return record.predicate.buildDefinition.internalParameters.position;
  return record.predicate.position;
}

/** The licence that a record is about, if it names one. */
export function licenceOfRecord(record: RecordContent): Bytes32 | undefined {
  switch (record.type) {
    case 'licence-issued':
      return record.predicate.licenceId;
    case 'access-granted':
      return record.predicate.licence;
    case 'consent-revoked':
      return record.predicate.licence ?? undefined;
    case 'dataset-listed':
    case 'training-completed':
    case 'training-refused':
    case 'job-settled':
    case 'possession-fault':
    case 'copy-repaired':
    case 'storage-warning':
      return undefined;
  }
}

/** An edge between models: what a run began with, and what came out. Only a completion has one. */
export function weightsOfRecord(record: RecordContent): { weights?: string; initialWeights?: string } {
  if (record.type !== 'training-completed') return {};
  const { resolvedDependencies } = record.predicate.buildDefinition;
  const initial = resolvedDependencies.find(({ uri }) => uri === INITIAL_WEIGHTS_URI)?.digest.sha256;
  const weights = record.statement.subject[0]?.digest.sha256;
  return {
    ...(weights === undefined ? {} : { weights }),
    ...(initial === undefined ? {} : { initialWeights: initial }),
  };
}

/** The order that a record is about; undefined for one about the dataset or a licence alone. */
export function orderIdOfRecord(record: RecordContent): Bytes32 | undefined {
  switch (record.type) {
    case 'dataset-listed':
    case 'licence-issued':
    case 'consent-revoked':
    case 'possession-fault':
    case 'copy-repaired':
    case 'storage-warning':
      return undefined;
    case 'training-completed':
      return record.predicate.buildDefinition.externalParameters.orderId;
    case 'access-granted':
    case 'training-refused':
    case 'job-settled':
      return record.predicate.orderId;
  }
}
