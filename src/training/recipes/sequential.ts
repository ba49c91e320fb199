import type { NodeSpec } from '../onnx/write-model.js';
import type { Tensor } from '../safetensors.js';
import { filled, kaimingUniform, weightAndBias } from './initial-weights.js';
import { NetworkBuilder, type Network } from './network.js';

/** The layers that recipes are made of, each what PyTorch's `nn` calls by the same name. */
export type Layer =
  | { kind: 'linear'; inputs: number; outputs: number }
  | LoraLinear
  | { kind: 'conv2d'; inputs: number; outputs: number; kernel: number; padding: number }
  | { kind: 'max-pool2d'; kernel: number }
  | { kind: 'relu' }
  | { kind: 'flatten' };

/** A linear layer that stays as it is, and beside it a product of rank `rank` that learns (arXiv:2106.09685). */
interface LoraLinear {
  kind: 'lora-linear';
  inputs: number;
  outputs: number;
  rank: number;
}

/**
 * A chain of layers as a graph and its initial weights. Names are those of `self.net = nn.Sequential(...)` in PyTorch
 * (`net.0.weight`), and so are shapes, so that `load_state_dict(strict=True)` takes the trained file as it is.
 */
export function sequential(
  inputShape: readonly number[],
  layers: readonly Layer[],
  classes: number,
  seed: number,
): Network {
  const builder = new NetworkBuilder({ name: 'input', shape: inputShape });
  let value = 'input';
  for (const [index, layer] of layers.entries()) {
    const name = `net.${index}`;
    const output = index === layers.length - 1 ? 'logits' : `h${index}`;
    if (layer.kind === 'lora-linear') {
      value = loraLinear(builder, { name, layer, input: value, output }, seed);
      continue;
    }
    const { op, attributes } = operatorOf(layer);
    const parameters = parametersOf(name, layer, seed).map((tensor) => builder.trained(tensor));
    value = builder.node(op, [value, ...parameters], attributes, output);
  }
  return builder.network({ name: 'logits', shape: [classes] });
}

/**
 * Names and shapes are those of `loralib.Linear(inputs, outputs, r=rank, lora_alpha=rank)`. B is zero, so that the first
 * step begins at the frozen layer itself.
 */
function loraLinear(
  builder: NetworkBuilder,
  { name, layer, input, output }: { name: string; layer: LoraLinear; input: string; output: string },
  seed: number,
): string {
  const { inputs, outputs, rank } = layer;
  const [weight, bias] = weightAndBias(name, [outputs, inputs], seed);
  const product = { transB: { int: 1 } };
  const frozen = builder.node(
    'Gemm',
    [input, builder.frozen(weight), builder.frozen(bias)],
    product,
    `${output}_frozen`,
  );
  const a = builder.trained(kaimingUniform(`${name}.lora_A`, [rank, inputs], seed));
  const b = builder.trained(filled(`${name}.lora_B`, [outputs, rank], 0));
  const low = builder.node('Gemm', [input, a], product, `${output}_low`);
  return builder.node('Gemm', [low, b, frozen], product, output);
}

type PlainLayer = Exclude<Layer, LoraLinear>;

function operatorOf(layer: PlainLayer): Pick<NodeSpec, 'op' | 'attributes'> {
  switch (layer.kind) {
    case 'linear':
      return { op: 'Gemm', attributes: { transB: { int: 1 } } };
    case 'conv2d': {
      const { kernel, padding } = layer;
      return {
        op: 'Conv',
        attributes: {
          kernel_shape: { ints: [kernel, kernel] },
          pads: { ints: [padding, padding, padding, padding] },
          strides: { ints: [1, 1] },
        },
      };
    }
    case 'max-pool2d': {
      const sides = [layer.kernel, layer.kernel];
      return { op: 'MaxPool', attributes: { kernel_shape: { ints: sides }, strides: { ints: sides } } };
    }
    case 'relu':
      return { op: 'Relu' };
    case 'flatten':
      return { op: 'Flatten', attributes: { axis: { int: 1 } } };
  }
}

/** Weight and bias of a layer that has them. */
function parametersOf(name: string, layer: PlainLayer, seed: number): Tensor[] {
  if (layer.kind !== 'linear' && layer.kind !== 'conv2d') return [];
  const kernel = layer.kind === 'conv2d' ? [layer.kernel, layer.kernel] : [];
  return weightAndBias(name, [layer.outputs, layer.inputs, ...kernel], seed);
}
