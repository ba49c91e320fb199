import { WeighbridgeError, type Address, type Bytes32 } from '../../src/kernel/index.js';
import type { ReleaseView } from './chain-view.js';

/**
 * What a failed call to the SDK means:
 * - `denied`: the nodes asked the chain, and it does not allow the release
 * - `refused`: the nodes did not take the request itself (session, clock, condition)
 * - `busy`: rate limit, or the nodes cannot read the chain
 * - `unreachable`: too few nodes answer
 * - `bad-share`: shares came and do not make the network's signature
 * - `bad-ciphertext`: the network signed, and that signature does not open the ciphertext
 */
export type FailureKind = 'denied' | 'refused' | 'busy' | 'unreachable' | 'bad-share' | 'bad-ciphertext';

export interface Failure {
  kind: FailureKind;
  /** Code and message of a node, or the name of the SDK's error: safe to show. */
  reason: string;
}

const KIND_OF_CODE: Readonly<Record<string, FailureKind>> = {
  NodeAccessControlConditionsReturnedNotAuthorized: 'denied',
  NodeInvalidAuthSig: 'refused',
  NodeSIWEMessageError: 'refused',
  NodeResourceIdNotFound: 'refused',
  NodeInvalidAccessControlConditions: 'refused',
  NodeBadRequest: 'refused',
  NodeRateLimitExceeded: 'busy',
  NodeRpcError: 'busy',
};

/** Thrown here when a call to the SDK takes too long: it has no time-out of its own once it is connected. */
export class SdkTimeout extends Error {}
/** Thrown here when what came out is not the key that was wrapped. */
export class WrongKey extends Error {}

/**
 * Reads an error of the SDK. The error itself must go no further: it carries the parameters of the call, with session
 * signatures and, in `encrypt`, the data key.
 */
export function failureOf(error: unknown): Failure {
  if (error instanceof SdkTimeout) return { kind: 'unreachable', reason: 'time-out' };
  if (error instanceof WrongKey) return { kind: 'bad-share', reason: 'another key came out' };
  const name = error instanceof Error ? error.name : typeof error;
  // The SDK lost its connection between two calls: it was connecting to a new set of nodes.
  if (name === 'LitNodeClientNotReadyError') return { kind: 'unreachable', reason: name };
  if (name !== 'NodeError') return { kind: opensNothing(error) ? 'bad-ciphertext' : 'bad-share', reason: name };
  const { errorCode, message } = nodeAnswer(error);
  // Without a code it is what `fetch` throws: the most common fate of the requests was no answer.
  if (errorCode === undefined) return { kind: 'unreachable', reason: 'no answer' };
  return {
    kind: KIND_OF_CODE[errorCode] ?? 'busy',
    reason: message === undefined ? errorCode : `${errorCode}: ${message}`,
  };
}

/** What the SDK's WASM says after it verified the network's signature: the shares were right, the ciphertext is not. */
function opensNothing(error: unknown): boolean {
  return error instanceof Error && ['decryption failed', 'unexpected end of input'].includes(error.message);
}

function nodeAnswer(error: unknown): { errorCode?: string; message?: string } {
  const info: unknown = (error as { info?: unknown }).info;
  if (typeof info !== 'object' || info === null) return {};
  const { errorCode, message } = info as Record<string, unknown>;
  return {
    ...(typeof errorCode === 'string' && { errorCode }),
    ...(typeof message === 'string' && { message }),
  };
}

const DENIED_NEXT: Record<ReleaseView, string> = {
  refused:
    'Record the access on chain first; if it is recorded, the licence was revoked, the deadline is over, or another worker is assigned.',
  'not-final': 'Wait until the block that recorded the access is final, and ask again.',
  allowed: 'Ask again in a few seconds: the chain allows it, the key nodes do not see that yet.',
  unknown: 'Ask again when the chain can be read from here.',
};

/** @param view what the chain says, read from here: a denial that may pass is worth another try */
export function deniedError(reason: string, view: ReleaseView, keyId: Bytes32, worker: Address): WeighbridgeError {
  return new WeighbridgeError('KEY_DENIED', `the key nodes do not release ${keyId} to ${worker}: ${reason}`, {
    next: DENIED_NEXT[view],
    details: { keyId, worker, chain: view },
    retryable: view !== 'refused',
  });
}

export function refusedError(reason: string, keyId: Bytes32, worker: Address): WeighbridgeError {
  return new WeighbridgeError('KEY_DENIED', `the key nodes did not take the request for ${keyId}: ${reason}`, {
    next: "Check this machine's clock, and that network.json is the one that the key nodes run with.",
    details: { keyId, worker },
  });
}

export function badCiphertextError(keyId: Bytes32): WeighbridgeError {
  return new WeighbridgeError('MALFORMED_DATA', `the wrapped key is not one for ${keyId}, or it was changed`, {
    next: 'Fetch the manifest again and compare its digest with the one in the offer.',
    details: { keyId },
  });
}

export function nodesDownError(reason: string, details: Record<string, unknown> = {}): WeighbridgeError {
  return new WeighbridgeError('KEY_NODES_DOWN', `too few key nodes answer: ${reason}`, {
    next: 'Ask again in a few seconds; if it lasts, start the key nodes that are down.',
    details,
    retryable: true,
  });
}
