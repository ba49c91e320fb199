import { sha256Hex, WeighbridgeError } from '../kernel/index.js';
import { boughtMetric, metricOf, type BoughtMetric, type MeasuredMetric } from './metric.js';
import type { ModelDeclaration } from './model-declaration.js';
import { modelRejected } from './model-errors.js';
import { fittedFeatures, momentsOf, type FittedFeatures } from './moments.js';
import type { TrainOutput } from './ports.js';
import { readSafetensors, SafetensorsError, safetensorsLayout, writeSafetensors } from './safetensors.js';
import type { SafetensorsRule, Tensor, TensorShapes } from './safetensors.js';

/** Why the gate kept a file back: `details.rule` of GATE_REFUSED. */
export type GateRule =
  | SafetensorsRule
  | 'declared-tensors'
  | 'missing-tensor'
  | 'extra-tensor'
  | 'declared-shape'
  | 'frozen-tensor'
  | 'numbers'
  | 'metric'
  | 'moments';

/** What may leave. `weights` are bytes that the gate wrote itself, never those that it was handed. */
export interface Weighed {
  weights: Uint8Array;
  /** SHA-256 of `weights`, hex. */
  sha256: string;
  tensors: number;
  parameters: number;
  numbers: { epochs: number; rows: number };
  /** The number that the run bought beside its weights. */
  metric?: BoughtMetric;
  /** The features with the mean and deviation of columns that the run paid for. */
  features?: FittedFeatures;
}

/** What the public record says must come out; every part of it is known before training. */
export interface Expected {
  declaration: ModelDeclaration;
  /** Names and shapes of the submitted `weights.safetensors` (`shapesOf`). */
  shapes: TensorShapes;
  /** The submitted `weights.safetensors` itself: what is not trained must come back as it went in. */
  initial: Uint8Array;
  /** `manifest.rowCount`. */
  rowCount: number;
  /** Rows that are held out of training (`heldOutRows`). */
  heldOut: number;
}

/** Names and shapes of a submitted weights file. @throws WeighbridgeError MODEL_REJECTED */
export function shapesOf(weights: Uint8Array): TensorShapes {
  try {
    return new Map(readSafetensors(weights, { maxBytes: weights.length }).map(({ name, shape }) => [name, shape]));
  } catch (error) {
    if (error instanceof SafetensorsError) throw modelRejected(`weights.safetensors: ${error.message}`);
    throw error;
  }
}

/** Size in bytes of the only file that can pass: the sandbox reader stops a larger one early. */
export function weighedBytes({ declaration, shapes }: Pick<Expected, 'declaration' | 'shapes'>): number {
  return safetensorsLayout(declaredShapes(declaration, shapes)).totalBytes;
}

/**
 * The egress gate. What the sandbox wrote is hostile: this lets out exactly the declared tensors with the shapes they
 * went in with, all finite, in the one layout that has room for nothing else, and numbers that are equal to public ones
 * (so they carry no bit of the rows), and a metric and moments that were paid for. The size follows from the declaration, so no cap has to be chosen.
 * @throws WeighbridgeError GATE_REFUSED with `details.rule`
 */
export function weigh(
  output: Pick<TrainOutput, 'weights' | 'numbers' | 'metric' | 'moments'>,
  expected: Expected,
): Weighed {
  const declared = declaredShapes(expected.declaration, expected.shapes);
  const tensors = readOutput(output.weights, weighedBytes(expected));
  checkTensors(tensors, declared);
  checkFrozen(tensors, expected);
  checkNumbers(output.numbers, expected);
  const metric = weighMetric(output.metric, expected);
  const features = weighMoments(output.moments, expected);
  // Re-written, not passed on: even a slip in the reader cannot let foreign bytes through.
  const weights = writeSafetensors(tensors);
  return {
    weights,
    sha256: sha256Hex(weights),
    tensors: tensors.length,
    parameters: tensors.reduce((sum, { data }) => sum + data.length, 0),
    numbers: { epochs: expected.declaration.epochs, rows: expected.rowCount },
    ...(metric === undefined ? {} : { metric }),
    ...(features === undefined ? {} : { features }),
  };
}

function readOutput(bytes: Uint8Array, expectedBytes: number): Tensor[] {
  try {
    // A smuggled tensor should be named as such, so the reader may see a little more than the exact size.
    return readSafetensors(bytes, { maxBytes: expectedBytes * 2 + 65_536 });
  } catch (error) {
    // By its rule alone: the message may repeat a name, and names in this file are the sandbox's choice.
    if (error instanceof SafetensorsError) throw refused(error.rule, `the file breaks the rule "${error.rule}"`);
    throw error;
  }
}

function checkTensors(tensors: readonly Tensor[], declared: TensorShapes): void {
  const present = new Set(tensors.map(({ name }) => name));
  for (const name of declared.keys()) {
    if (!present.has(name)) throw refused('missing-tensor', `declared tensor "${name}" is missing`);
  }
  for (const { name, shape } of tensors) {
    const wanted = declared.get(name);
    if (wanted === undefined) throw refused('extra-tensor', 'the file holds a tensor that the model does not declare');
    if (wanted.length !== shape.length || wanted.some((size, axis) => size !== shape[axis])) {
      throw refused('declared-shape', `tensor "${name}" does not have its declared shape`);
    }
  }
}

/** A frozen tensor that changed is room for rows: nothing that training does may move it. */
function checkFrozen(tensors: readonly Tensor[], { declaration, initial }: Expected): void {
  const trainable = new Set(declaration.trainable);
  const frozen = tensors.filter(({ name }) => !trainable.has(name));
  if (frozen.length === 0) return;
  const before = new Map(readSafetensors(initial, { maxBytes: initial.length }).map(({ name, data }) => [name, data]));
  for (const { name, data } of frozen) {
    const was = before.get(name);
    // By bits: -0 equals 0, and the difference is a bit that could be read.
    if (was === undefined || Buffer.compare(bytesOf(was), bytesOf(data)) !== 0) {
      throw refused('frozen-tensor', `frozen tensor "${name}" does not come out as it went in`);
    }
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function checkNumbers(numbers: TrainOutput['numbers'], { declaration, rowCount }: Expected): void {
  const keys = Object.keys(numbers).sort().join();
  if (keys !== 'epochs,rows' || numbers.epochs !== declaration.epochs || numbers.rows !== rowCount) {
    throw refused('numbers', 'epochs and rows are not those of the public record');
  }
}

/** No number that nobody paid for, and of one that was, only what a noised sum over so many rows can be. */
function weighMetric(
  measured: MeasuredMetric | undefined,
  { declaration, heldOut }: Expected,
): BoughtMetric | undefined {
  const { privacy } = declaration;
  const wanted = metricOf(privacy);
  if (wanted === undefined || privacy === 'none') {
    if (measured !== undefined) throw refused('metric', 'a metric that was not bought');
    return undefined;
  }
  const bought = measured && boughtMetric(measured, wanted, privacy.unit.kind, heldOut);
  if (bought === undefined) throw refused('metric', 'the metric is missing, or no sum over these rows');
  return bought;
}

/** The same of the sums that columns are standardised by: as many as there are columns, each with noise that was paid for. */
function weighMoments(
  measured: readonly bigint[] | undefined,
  { declaration, rowCount }: Expected,
): FittedFeatures | undefined {
  if (momentsOf(declaration) === 0) {
    if (measured !== undefined) throw refused('moments', 'sums of columns that nothing is standardised by');
    return undefined;
  }
  const features = measured && fittedFeatures(measured, declaration, rowCount);
  if (features === undefined) throw refused('moments', 'the sums are missing, or none over these rows');
  return features;
}

function declaredShapes(declaration: ModelDeclaration, shapes: TensorShapes): TensorShapes {
  // Frozen tensors that are asked back are the buyer's own, and come out as they went in.
  const names = declaration.return === 'all' ? [...shapes.keys()] : declaration.trainable;
  const declared = names.map((name): [string, readonly number[]] => {
    const shape = shapes.get(name);
    if (shape === undefined) throw refused('declared-tensors', `the submitted weights hold no tensor "${name}"`);
    return [name, shape];
  });
  return new Map(declared);
}

function refused(rule: GateRule, message: string): WeighbridgeError {
  return new WeighbridgeError('GATE_REFUSED', `the egress gate kept the weights back: ${message}`, {
    next: 'Nothing left the sandbox; the job ends with reason gate-refused and the buyer is refunded.',
    details: { rule },
  });
}
