import { WeighbridgeError } from '../kernel/index.js';

export function licenceNotFound(id: string): WeighbridgeError {
  return new WeighbridgeError('LICENCE_NOT_FOUND', `no licence ${id} of yours for this dataset`, {
    next: 'Accept the terms first (issueLicence), with the address that buys.',
    details: { id },
  });
}

export function licenceExpired(id: string, detail: string): WeighbridgeError {
  return new WeighbridgeError('LICENCE_EXPIRED', `licence ${id}: ${detail}`, {
    next: 'Accept the terms again and order with the new licence.',
    details: { id },
  });
}

export function pseudonymUsed(): WeighbridgeError {
  return new WeighbridgeError('BAD_INPUT', 'this pseudonym stands in a licence for another dataset', {
    next: 'Use a key for each dataset: one in two of them would join their records.',
  });
}

export function badTerms(message: string, next: string, details: Record<string, unknown> = {}): WeighbridgeError {
  return new WeighbridgeError('BAD_TERMS', message, { next, details });
}
