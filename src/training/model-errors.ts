import { WeighbridgeError } from '../kernel/index.js';

/** The files are not a model of the profile. */
export function modelRejected(message: string): WeighbridgeError {
  return new WeighbridgeError('MODEL_REJECTED', message, {
    next: 'docs/model-format.md says what is taken: change the model and export it again, or use a recipe.',
  });
}

/** They are, but not for this dataset. */
export function doesNotFit(message: string, next: string): WeighbridgeError {
  return new WeighbridgeError('MODEL_DOES_NOT_FIT', message, { next });
}
