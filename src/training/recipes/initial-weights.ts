import { sha256 } from '@noble/hashes/sha2.js';
import { utf8 } from '../../kernel/index.js';
import type { Tensor } from '../safetensors.js';

/**
 * He initialisation (arXiv:1502.01852) in its uniform form: variance 2 / fan-in. The numbers are SHA-256 of (seed, name,
 * counter) as 24-bit fractions times one constant, so that every machine makes the same bytes: no `Math.log`, whose last
 * digit is the engine's choice. Seed and result are public; nothing here is a secret.
 */
export function kaimingUniform(name: string, shape: readonly number[], seed: number): Tensor {
  const fanIn = shape.slice(1).reduce((product, size) => product * size, 1);
  const bound = Math.sqrt(6 / fanIn);
  const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
  for (const [index, fraction] of fractions(`${seed}/${name}`, data.length)) data[index] = (2 * fraction - 1) * bound;
  return { name, shape, data };
}

export function filled(name: string, shape: readonly number[], value: number): Tensor {
  return { name, shape, data: new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(value) };
}

/** Weight and bias of a layer, weight first, as operators take them. `shape` is the weight's, outputs first. */
export function weightAndBias(name: string, shape: readonly [number, ...number[]], seed: number): [Tensor, Tensor] {
  return [kaimingUniform(`${name}.weight`, shape, seed), filled(`${name}.bias`, [shape[0]], 0)];
}

/** `count` numbers in [0, 1) with their positions. */
function* fractions(label: string, count: number): Generator<[number, number]> {
  const perBlock = 10;
  for (let block = 0; block * perBlock < count; block++) {
    const bytes = sha256(utf8(`weighbridge/v1 initial-weights ${label} ${block}`));
    for (let k = 0; k < perBlock && block * perBlock + k < count; k++) {
      const [a = 0, b = 0, c = 0] = bytes.subarray(3 * k, 3 * k + 3);
      yield [block * perBlock + k, (a * 65_536 + b * 256 + c) / 2 ** 24];
    }
  }
}
