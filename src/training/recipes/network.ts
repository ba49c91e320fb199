import type { AttributeValue, GraphSpec, NodeSpec, ValueSpec } from '../onnx/write-model.js';
import type { Tensor } from '../safetensors.js';

/** What a recipe knows of the task. */
export interface RecipeInput {
  /** Numbers of each feature, in order: one, or as many as its vocabulary has words. */
  widths: readonly number[];
  /** Their sum. */
  inputs: number;
  /** Set where the features are one column of images. */
  image?: { channels: number; height: number; width: number };
  classes: number;
  seed: number;
}

/** What a recipe makes: a graph, its initial weights, and which of them training leaves alone. */
export interface Network {
  graph: GraphSpec;
  tensors: readonly Tensor[];
  frozen: ReadonlySet<string>;
}

/** Collects nodes and tensors in the order in which they are used. Values are called h0, h1, ... */
export class NetworkBuilder {
  private readonly nodes: NodeSpec[] = [];
  private readonly tensors: Tensor[] = [];
  private readonly frozenNames = new Set<string>();
  private values = 0;

  constructor(private readonly input: ValueSpec) {}

  /** Adds a node of one output. @returns the output's name */
  node(op: string, inputs: readonly string[], attributes?: NodeSpec['attributes'], output = this.fresh()): string {
    this.nodes.push({ op, inputs, outputs: [output], ...(attributes === undefined ? {} : { attributes }) });
    return output;
  }

  /** Cuts an axis into three equal parts. */
  splitInThree(value: string, axis: number): [string, string, string] {
    const outputs: [string, string, string] = [this.fresh(), this.fresh(), this.fresh()];
    const attributes = { axis: { int: axis }, num_outputs: { int: outputs.length } };
    this.nodes.push({ op: 'Split', inputs: [value], outputs, attributes });
    return outputs;
  }

  constant(value: { ints: readonly number[] } | { float: number }): string {
    const attributes: Record<string, AttributeValue> = 'ints' in value ? { value_ints: value } : { value_float: value };
    return this.node('Constant', [], attributes);
  }

  trained(tensor: Tensor): string {
    this.tensors.push(tensor);
    return tensor.name;
  }

  frozen(tensor: Tensor): string {
    this.tensors.push(tensor);
    this.frozenNames.add(tensor.name);
    return tensor.name;
  }

  network(output: ValueSpec): Network {
    const weights = new Map(this.tensors.map(({ name, shape }) => [name, shape]));
    const graph = { input: this.input, output, weights, nodes: this.nodes };
    return { graph, tensors: this.tensors, frozen: this.frozenNames };
  }

  private fresh(): string {
    return `h${this.values++}`;
  }
}
