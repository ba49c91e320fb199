import { fromHex, jsonDigest, sha256Hex, type Bytes32 } from '../kernel/index.js';
import type { Predicates, Statement } from './statements.js';

/** in-toto subjects: a name, and a SHA-256 that anybody holding the thing can make again. */
type Subject = Statement['subject'][number];

export const WEIGHTS_NAME = 'weights.safetensors';
export const CIPHERTEXT_NAME = 'weights.safetensors.age';
/** Card, bill of materials and signature of a model: the digest is of their canonical JSON, text by file name. */
export const MODEL_FILES_NAME = 'model-files.json';
/** Names the weights that a run began with, among what went into its model: the edge to the model that they came of. */
export const INITIAL_WEIGHTS_URI = 'weighbridge:initial-weights';

/** The digest is the manifest's. */
export function datasetSubject({ keyId, offer }: Pick<Predicates['dataset-listed'], 'keyId' | 'offer'>): Subject {
  return { name: `dataset:${keyId}`, digest: { sha256: offer.manifestDigest.slice(2) } };
}

/** The digest is of the licence's canonical JSON. */
export function licenceSubject(p: Pick<Predicates['licence-issued'], 'licenceId' | 'licence'>): Subject {
  return { name: `licence:${p.licenceId}`, digest: { sha256: jsonDigest(p.licence) } };
}

/** An order is no file; the digest is of its id's 32 bytes. */
export function jobSubject(orderId: Bytes32): Subject {
  return { name: `job:${orderId}`, digest: { sha256: sha256Hex(fromHex(orderId)) } };
}

/** A consent is no file either: the digest is of the licence's id, or of the key id when the whole version is meant. */
export function consentSubject({ keyId, licence }: { keyId: Bytes32; licence: Bytes32 | null }): Subject {
  const id = licence ?? keyId;
  return { name: `consent:${id}`, digest: { sha256: sha256Hex(fromHex(id)) } };
}

/** How a dataset version is stored; the digest is of its key id's 32 bytes. */
export function storageSubject(keyId: Bytes32): Subject {
  return { name: `storage:${keyId}`, digest: { sha256: sha256Hex(fromHex(keyId)) } };
}

/** The plaintext safetensors file, as the buyer gets it. */
export function weightsSubject(weightsSha256: string): Subject {
  return { name: WEIGHTS_NAME, digest: { sha256: weightsSha256 } };
}
