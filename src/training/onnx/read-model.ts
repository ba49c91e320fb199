import * as onnx from './fields.js';
import { readFields, readPacked, readText, WireError, type RawField } from './wire.js';

/** As much of a graph as can be judged without running it. The trainer's own reader judges the rest. */
export interface ModelSummary {
  opsets: { domain: string; version: number }[];
  irVersion: number;
  inputs: ModelValue[];
  outputs: ModelValue[];
  initializers: ModelTensor[];
  nodes: ModelNode[];
}

export interface ModelNode {
  op: string;
  domain: string;
  inputs: string[];
  outputs: string[];
  /** The attribute of this name; 0 without it. */
  axis: number;
  /** The attribute of this name: the element type that a Cast makes. 0 without it. */
  to: number;
}

export interface ModelValue {
  name: string;
  elementType: number;
  /** A number, or the name of a size that is not fixed. */
  shape: (number | string)[];
}

export interface ModelTensor {
  name: string;
  dataType: number;
  shape: number[];
  /** `external_data` by key, if the values stand outside the graph. */
  external: Map<string, string> | undefined;
}

const MAX_GRAPH_BYTES = 16 << 20;
const MAX_NODES = 2_000;
const MAX_NAME_LENGTH = 512;

/**
 * Reads a graph of the profile. Fields outside it are refused, not skipped; a message that may stand once is refused the
 * second time, because protobuf would merge the two and two readers would see two graphs.
 * @throws WireError
 */
export function readModel(bytes: Uint8Array): ModelSummary {
  if (bytes.length > MAX_GRAPH_BYTES) throw new WireError('the graph is larger than 16 MiB');
  const model = new Message('model', bytes, Object.values(onnx.MODEL), onnx.MODEL_NOTES);
  const graph = new Message('graph', model.bytes(onnx.MODEL.graph), Object.values(onnx.GRAPH), onnx.GRAPH_NOTES);
  const nodes = graph.all(onnx.GRAPH.node);
  if (nodes.length > MAX_NODES) throw new WireError(`the graph has more than ${MAX_NODES} nodes`);
  return {
    irVersion: model.int(onnx.MODEL.irVersion),
    opsets: model.all(onnx.MODEL.opset).map(readOpset),
    inputs: graph.all(onnx.GRAPH.input).map(readValue),
    outputs: graph.all(onnx.GRAPH.output).map(readValue),
    initializers: graph.all(onnx.GRAPH.initializer).map(readTensor),
    nodes: nodes.map(readNode),
  };
}

function readOpset(bytes: Uint8Array): { domain: string; version: number } {
  const opset = new Message('opset', bytes, Object.values(onnx.OPSET));
  return { domain: opset.text(onnx.OPSET.domain), version: opset.int(onnx.OPSET.version) };
}

function readNode(bytes: Uint8Array): ModelNode {
  const node = new Message('node', bytes, Object.values(onnx.NODE), onnx.NODE_NOTES);
  return {
    op: node.text(onnx.NODE.op),
    domain: node.text(onnx.NODE.domain),
    inputs: node.all(onnx.NODE.input).map(readName),
    outputs: node.all(onnx.NODE.output).map(readName),
    axis: readWhole(node.all(onnx.NODE.attribute), 'axis'),
    to: readWhole(node.all(onnx.NODE.attribute), 'to'),
  };
}

/** Of the attributes the trainer's reader judges the rest. */
function readWhole(attributes: readonly Uint8Array[], wanted: string): number {
  for (const bytes of attributes) {
    const fields = [...readFields(bytes)];
    const name = fields.find(({ number }) => number === onnx.ATTRIBUTE.name);
    if (name?.kind !== 'bytes' || readName(name.value) !== wanted) continue;
    const value = fields.find(({ number }) => number === onnx.ATTRIBUTE.int);
    return value?.kind === 'varint' ? Number(BigInt.asIntN(64, value.value)) : 0;
  }
  return 0;
}

function readTensor(bytes: Uint8Array): ModelTensor {
  const notes = [...onnx.TENSOR_INLINE, ...onnx.TENSOR_NOTES];
  const tensor = new Message('tensor', bytes, Object.values(onnx.TENSOR), notes);
  const entries = tensor.all(onnx.TENSOR.external).map((entry): [string, string] => {
    const pair = new Message('external data', entry, Object.values(onnx.ENTRY));
    return [pair.text(onnx.ENTRY.key), pair.text(onnx.ENTRY.value)];
  });
  const external = new Map(entries);
  if (external.size !== entries.length) throw new WireError('a tensor has an external_data key twice');
  return {
    name: tensor.text(onnx.TENSOR.name),
    dataType: tensor.int(onnx.TENSOR.dataType),
    shape: tensor.ints(onnx.TENSOR.dims),
    external: tensor.int(onnx.TENSOR.location) === onnx.EXTERNAL ? external : undefined,
  };
}

function readValue(bytes: Uint8Array): ModelValue {
  const value = new Message('value', bytes, Object.values(onnx.VALUE), onnx.VALUE_NOTES);
  const type = new Message('type', value.bytes(onnx.VALUE.type), Object.values(onnx.TYPE), [6]);
  const tensor = new Message('tensor type', type.bytes(onnx.TYPE.tensor), Object.values(onnx.TENSOR_TYPE));
  const shape = new Message('shape', tensor.bytes(onnx.TENSOR_TYPE.shape), Object.values(onnx.SHAPE));
  return {
    name: value.text(onnx.VALUE.name),
    elementType: tensor.int(onnx.TENSOR_TYPE.elementType),
    shape: shape.all(onnx.SHAPE.dim).map((bytes) => {
      const dim = new Message('dimension', bytes, Object.values(onnx.DIM), [3]);
      return dim.has(onnx.DIM.param) ? dim.text(onnx.DIM.param) : dim.int(onnx.DIM.value);
    }),
  };
}

function readName(bytes: Uint8Array): string {
  if (bytes.length > MAX_NAME_LENGTH) throw new WireError('a name is longer than 512 bytes');
  return readText(bytes);
}

/** The fields of one message by number; a number that the profile does not admit is refused. */
class Message {
  private readonly fields = new Map<number, RawField[]>();

  constructor(
    private readonly kind: string,
    body: Uint8Array,
    admitted: readonly number[],
    notes: readonly number[] = [],
  ) {
    for (const field of readFields(body)) {
      if (notes.includes(field.number)) continue;
      if (!admitted.includes(field.number)) throw new WireError(`${kind} field ${field.number} is not in the profile`);
      const same = this.fields.get(field.number);
      if (same === undefined) this.fields.set(field.number, [field]);
      else same.push(field);
    }
  }

  has(number: number): boolean {
    return this.fields.has(number);
  }

  /** Bodies of a repeated field. */
  all(number: number): Uint8Array[] {
    return (this.fields.get(number) ?? []).map((field) => {
      if (field.kind !== 'bytes') throw this.wrongType(number);
      return field.value;
    });
  }

  /** Body of a field that stands exactly once. */
  bytes(number: number): Uint8Array {
    const [body, second] = this.all(number);
    if (body === undefined || second !== undefined) throw new WireError(`${this.kind} field ${number} must stand once`);
    return body;
  }

  /** Text of a field that stands at most once; "" if absent, as in proto3. */
  text(number: number): string {
    return this.has(number) ? readName(this.bytes(number)) : '';
  }

  /** Number of a field that stands at most once; 0 if absent, as in proto3. */
  int(number: number): number {
    const [field, second] = this.fields.get(number) ?? [];
    if (field === undefined) return 0;
    if (field.kind !== 'varint' || second !== undefined) throw this.wrongType(number);
    return Number(BigInt.asIntN(64, field.value));
  }

  /** Repeated numbers, packed or one by one. */
  ints(number: number): number[] {
    return (this.fields.get(number) ?? []).flatMap((field) => {
      if (field.kind === 'bytes') return readPacked(field.value).map(Number);
      if (field.kind === 'varint') return [Number(BigInt.asIntN(64, field.value))];
      throw this.wrongType(number);
    });
  }

  private wrongType(number: number): WireError {
    return new WireError(`${this.kind} field ${number} has the wrong type or stands twice`);
  }
}
