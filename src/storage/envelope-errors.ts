import { WeighbridgeError, type ErrorCode } from '../kernel/errors.js';
import { MAX_FRAME_BYTES } from './limits.js';

const OTHER_COPY = 'Fetch the piece from another copy; if every copy fails, tell its seller.';

/** A byte differs from what was encrypted. */
export function corrupt(what: string): WeighbridgeError {
  return refused('PIECE_CORRUPT', `This is not the piece that was encrypted: ${what}.`);
}

/** The piece ends before its header says. */
export function truncated(what: string): WeighbridgeError {
  return refused('PIECE_TRUNCATED', `The piece ends too early: ${what}.`);
}

/** An authentic frame stands where a later one belongs, or an earlier one. */
export function misplaced(found: number, place: number): WeighbridgeError {
  return found < place
    ? refused('PIECE_REPEATED', `The piece repeats its frame ${found} in the place of frame ${place}.`)
    : refused('PIECE_REORDERED', `The piece has its frame ${found} in the place of frame ${place}.`);
}

/** The header is a good one, of another shard or dataset. */
export function foreign(what: string): WeighbridgeError {
  return refused('PIECE_FOREIGN', `The piece belongs to another ${what} than the manifest says.`);
}

/** The wrapped key of a shard is not for this version, shard or place in the manifest, or the version's key is not this one. */
export function keyRefused(): WeighbridgeError {
  return new WeighbridgeError('SHARD_KEY_REFUSED', 'The key of the shard does not open under this version’s key.', {
    next: 'Read the manifest again: keys are bound to the dataset version, the shard and its place there.',
  });
}

export function malformedHeader(): WeighbridgeError {
  return new WeighbridgeError('BAD_INPUT', 'a piece header needs two ids, a nonce base, a frame size and a length', {
    next: `Give a frame size from 1 to ${MAX_FRAME_BYTES} bytes.`,
  });
}

export function tooLarge(shardBytes: number, mostBytes: number): WeighbridgeError {
  return new WeighbridgeError('TOO_LARGE', `a shard of ${shardBytes} bytes; a piece holds at most ${mostBytes}`, {
    next: `Cut the data into shards of at most ${mostBytes} bytes.`,
  });
}

function refused(code: ErrorCode, message: string): WeighbridgeError {
  return new WeighbridgeError(code, message, { next: OTHER_COPY });
}
