import { WeighbridgeError } from '../kernel/index.js';

/** The files are not a model of the profile. */
export function modelRejected(message: string): WeighbridgeError {
  return new WeighbridgeError('MODEL_REJECTED', message, {
    next: 'Use a recipe, or export the model again in the profile that workers/trainer/README.md describes.',
  });
}

/** They are, but not for this dataset. */
export function doesNotFit(message: string, next: string): WeighbridgeError {
  return new WeighbridgeError('MODEL_DOES_NOT_FIT', message, { next });
}
