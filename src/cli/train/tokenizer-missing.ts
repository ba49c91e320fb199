import { WeighbridgeError } from '../../kernel/index.js';

export function tokenizerMissing(which: string, next: string): WeighbridgeError {
  return new WeighbridgeError('BAD_INPUT', `a feature names a tokenizer that was not given (${which})`, { next });
}
