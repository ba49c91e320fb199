import type { GraphSpec, NodeSpec } from '../onnx/write-model.js';
import type { Tensor } from '../safetensors.js';
import { kaimingUniform } from './initial-weights.js';

/** The layers that recipes are made of, each what PyTorch's `nn` calls by the same name. */
export type Layer =
  | { kind: 'linear'; inputs: number; outputs: number }
  | { kind: 'conv2d'; inputs: number; outputs: number; kernel: number; padding: number }
  | { kind: 'max-pool2d'; kernel: number }
  | { kind: 'relu' }
  | { kind: 'flatten' };

export interface Network {
  graph: GraphSpec;
  tensors: Tensor[];
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
  const nodes: NodeSpec[] = [];
  const tensors: Tensor[] = [];
  for (const [index, layer] of layers.entries()) {
    const name = `net.${index}`;
    const parameters = parametersOf(name, layer, seed);
    tensors.push(...parameters);
    nodes.push({
      ...operatorOf(layer),
      inputs: [index === 0 ? 'input' : `h${index - 1}`, ...parameters.map((tensor) => tensor.name)],
      outputs: [index === layers.length - 1 ? 'logits' : `h${index}`],
    });
  }
  return {
    graph: {
      input: { name: 'input', shape: inputShape },
      output: { name: 'logits', shape: [classes] },
      weights: new Map(tensors.map((tensor) => [tensor.name, tensor.shape])),
      nodes,
    },
    tensors,
  };
}

function operatorOf(layer: Layer): Pick<NodeSpec, 'op' | 'attributes'> {
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

/** Weight and bias of a layer that has them, weight first, as the operator takes them. */
function parametersOf(name: string, layer: Layer, seed: number): Tensor[] {
  if (layer.kind !== 'linear' && layer.kind !== 'conv2d') return [];
  const kernel = layer.kind === 'conv2d' ? [layer.kernel, layer.kernel] : [];
  const shape = [layer.outputs, layer.inputs, ...kernel];
  return [
    kaimingUniform(`${name}.weight`, shape, seed),
    { name: `${name}.bias`, shape: [layer.outputs], data: new Float32Array(layer.outputs) },
  ];
}
