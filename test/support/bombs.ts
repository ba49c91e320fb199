import { sha256Hex } from '../../src/kernel/index.js';
import type { BuiltModel } from '../../src/training/index.js';
import { writeModel } from '../../src/training/onnx/write-model.js';
import { NetworkBuilder } from '../../src/training/recipes/network.js';
import { product } from '../../src/training/declaration/features.js';
import { writeSafetensors, type Tensor } from '../../src/training/safetensors.js';

/** Of the digits, and so of a kernel. */
const WIDTH = 64;

/**
 * What a hostile graph asks for: more memory than any host has, more operations than a program may have, minutes for each row, or
 * minutes of the compiler for few operations, which no count beforehand tells.
 */
export type Bomb = keyof typeof BOMBS;

/** A model that passes every check of its form, of the same task as an honest one. Everything in it is behind a trained tensor. */
export function bombOf(kind: Bomb, { declaration, ...base }: BuiltModel): BuiltModel {
  const [{ shape = [WIDTH] } = {}] = declaration.inputs;
  const classes = declaration.label.kind === 'class' ? declaration.label.classes.length : 1;
  const network = new NetworkBuilder({ name: 'input', shape });
  const begun = network.node('Mul', ['input', network.trained(filled('scale', shape))]);
  network.node(
    'Gemm',
    [BOMBS[kind](network, begun), network.trained(filled('head', [classes, product(shape)]))],
    { transB: { int: 1 } },
    'logits',
  );
  const { graph: spec, tensors } = network.network({ name: 'logits', shape: [classes] });
  const [graph, weights] = [writeModel(spec), writeSafetensors(tensors)];
  const trainable = tensors.map(({ name }) => name).sort();
  return {
    ...base,
    graph,
    weights,
    declaration: { ...declaration, graph: sha256Hex(graph), weights: sha256Hex(weights), trainable },
  };
}

/** As many nodes as a graph may have, each of which becomes some twenty in the backward pass. */
function manyOperations(network: NetworkBuilder, begun: string): string {
  let value = begun;
  for (let n = 0; n < 1_900; n++) value = network.node('Elu', [value]);
  return value;
}

/** Each is two operations and many instructions, all in one loop, which the compiler takes quadratically long for: half a minute and more. */
function muchToCompile(network: NetworkBuilder, begun: string): string {
  let value = begun;
  for (let n = 0; n < 1_900; n++) value = network.node('Log', [value]);
  return value;
}

/** Few nodes of few weights, whose kernels are as large as they may be: six hundred milliard operations a row. */
function muchArithmetic(network: NetworkBuilder, begun: string): string {
  const point = network.node('Reshape', [begun, network.constant({ ints: [-1, WIDTH, 1, 1] })]);
  const kernel = network.trained(filled('kernel', [WIDTH, WIDTH, 11, 11]));
  const attributes = { kernel_shape: { ints: [11, 11] }, pads: { ints: [5, 5, 5, 5] } };
  let image = network.node('Expand', [point, network.constant({ ints: [1, WIDTH, 140, 140] })]);
  for (let n = 0; n < 14; n++) image = network.node('Conv', [image, kernel], attributes);
  return network.node('Flatten', [network.node('GlobalAveragePool', [image])]);
}

/** Each node twice as wide as the one before. */
function muchMemory(network: NetworkBuilder, begun: string): string {
  let value = begun;
  for (let n = 0; n < 40; n++) value = network.node('Concat', [value, value], { axis: { int: 1 } });
  return value;
}

const BOMBS = { memory: muchMemory, operations: manyOperations, arithmetic: muchArithmetic, compiler: muchToCompile };

function filled(name: string, shape: number[]): Tensor {
  return { name, shape, data: new Float32Array(product(shape)).fill(0.01) };
}
