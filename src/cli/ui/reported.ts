import type { WeighbridgeError } from '../../kernel/index.js';

/**
 * A failure whose full result is on stdout already: a person still gets the error on stderr, a script reads the result and
 * the exit code, and stdout stays one JSON value.
 */
export class Reported extends Error {
  constructor(readonly error: WeighbridgeError) {
    super(error.message);
    this.name = 'Reported';
  }
}
