// Real: the readers of what a buyer sends and of what a box sends back. `npm run fuzz` sets how many cases.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FUZZ_TIMEOUT_MS, fuzzRuns, mangledBytes } from '../../test/support/fuzz.js';
import { isWeighbridgeError } from '../kernel/index.js';
import { readModel } from './onnx/read-model.js';
import { WireError } from './onnx/wire.js';
import { buildRecipe } from './recipes/build-recipe.js';
import { readSafetensors, SafetensorsError, writeSafetensors } from './safetensors.js';
import { readModelFile, writeModelFile } from './wbm/model-file.js';

const numRuns = fuzzRuns(200);
const columns = ['a', 'b', 'label'].map((name) => ({
  name,
  type: 'integer' as const,
  range: { min: 0, max: 3 },
}));
const { declaration, graph, weights } = buildRecipe('mlp', { manifest: { columns, label: 'label' } });
const { version, trainable, tied, inputs } = declaration;
const template = { version, graph: declaration.graph, weights: declaration.weights, trainable, tied, inputs };
const maxBytes = 1 << 20;

/** Nothing but a refusal by name comes out of bytes that are not good; it says whether they were. */
function isTaken(read: () => unknown, isRefusal: (error: unknown) => boolean): boolean {
  try {
    read();
    return true;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return false;
  }
}

describe('a file that was cut up is refused, or is one that the writer writes', () => {
  test(
    'safetensors',
    () => {
      fc.assert(
        fc.property(mangledBytes(weights), (bytes) => {
          const taken = isTaken(
            () => readSafetensors(bytes, { maxBytes }),
            (error) => error instanceof SafetensorsError,
          );
          if (taken) expect(writeSafetensors(readSafetensors(bytes, { maxBytes }))).toEqual(new Uint8Array(bytes));
        }),
        { numRuns },
      );
    },
    FUZZ_TIMEOUT_MS,
  );

  test(
    '.wbm',
    () => {
      const file = writeModelFile({ template, graph, weights, tokenizers: [] });
      fc.assert(
        fc.property(mangledBytes(file), (bytes) => {
          const taken = isTaken(
            () => readModelFile(bytes),
            (error) => isWeighbridgeError(error) && error.code === 'MODEL_REJECTED',
          );
          if (taken) expect(Buffer.from(writeModelFile(readModelFile(bytes)))).toEqual(Buffer.from(bytes));
        }),
        { numRuns },
      );
    },
    FUZZ_TIMEOUT_MS,
  );

  test(
    'a graph',
    () => {
      let refused = 0;
      fc.assert(
        fc.property(mangledBytes(graph), (bytes) => {
          const taken = isTaken(
            () => readModel(bytes),
            (error) => error instanceof WireError,
          );
          refused += taken ? 0 : 1;
        }),
        { numRuns },
      );
      // A change of a name alone is another good graph.
      expect(refused).toBeGreaterThan(numRuns / 2);
    },
    FUZZ_TIMEOUT_MS,
  );
});
