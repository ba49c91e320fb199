import { WeighbridgeError } from '../kernel/index.js';

export function datasetNotFound(id: string): WeighbridgeError {
  return new WeighbridgeError('DATASET_NOT_FOUND', `no dataset ${id}`, {
    next: 'Search for it, and use its id or at least 8 hex digits of it.',
    details: { id },
  });
}

export function datasetRevoked(keyId: string): WeighbridgeError {
  return new WeighbridgeError('DATASET_REVOKED', `the seller revoked dataset ${keyId}`, {
    next: 'Choose another dataset, or ask the seller for a new version.',
    details: { keyId },
  });
}

/** @param detail - what of manifest, terms, offer and record do not say the same */
export function offerMismatch(detail: string, next: string, details: Record<string, unknown> = {}): WeighbridgeError {
  return new WeighbridgeError('OFFER_MISMATCH', detail, { next, details });
}

export function ambiguousId(prefix: string): WeighbridgeError {
  return new WeighbridgeError('BAD_INPUT', `several ids begin with ${prefix}`, {
    next: 'Give more digits.',
    details: { prefix },
  });
}
