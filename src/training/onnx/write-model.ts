import { concatBytes } from '../../kernel/index.js';
import { safetensorsLayout, type SafetensorsLayout, type TensorShapes } from '../safetensors.js';
import * as onnx from './fields.js';
import { floatField, intField, messageField, packedField, textField, type Field } from './wire.js';

export type AttributeValue = { int: number } | { ints: readonly number[] } | { float: number } | { text: string };

export interface NodeSpec {
  op: string;
  inputs: readonly string[];
  outputs: readonly string[];
  attributes?: Readonly<Record<string, AttributeValue>>;
}

/** A named value; its shape leaves out the batch, which is always the first axis and never a number. */
export interface ValueSpec {
  name: string;
  shape: readonly number[];
}

export interface GraphSpec {
  input: ValueSpec;
  output: ValueSpec;
  /** float32 initializers; their values stand in `weights.safetensors`. */
  weights: TensorShapes;
  nodes: readonly NodeSpec[];
}

/** Opset 20 goes with IR version 9 (onnx/docs/Versioning.md). */
const IR_VERSION = 9;
const OPSET_VERSION = 20;

/**
 * Writes a graph in the profile: no weights inside, `external_data` that points into the canonical
 * `weights.safetensors`, so that the pair also opens in stock ONNX tools.
 */
export function writeModel(graph: GraphSpec): Uint8Array {
  return concatBytes(
    intField(onnx.MODEL.irVersion, IR_VERSION),
    messageField(onnx.MODEL.graph, [
      ...graph.nodes.map((node) => messageField(onnx.GRAPH.node, nodeFields(node))),
      textField(onnx.GRAPH.name, 'weighbridge'),
      ...safetensorsLayout(graph.weights).tensors.map((t) => messageField(onnx.GRAPH.initializer, tensorFields(t))),
      messageField(onnx.GRAPH.input, valueFields(graph.input)),
      messageField(onnx.GRAPH.output, valueFields(graph.output)),
    ]),
    messageField(onnx.MODEL.opset, [textField(onnx.OPSET.domain, ''), intField(onnx.OPSET.version, OPSET_VERSION)]),
  );
}

function nodeFields({ op, inputs, outputs, attributes = {} }: NodeSpec): Field[] {
  return [
    ...inputs.map((name) => textField(onnx.NODE.input, name)),
    ...outputs.map((name) => textField(onnx.NODE.output, name)),
    textField(onnx.NODE.op, op),
    ...Object.entries(attributes).map(([name, value]) =>
      messageField(onnx.NODE.attribute, attributeFields(name, value)),
    ),
  ];
}

function attributeFields(name: string, value: AttributeValue): Field[] {
  const fields = [textField(onnx.ATTRIBUTE.name, name)];
  if ('int' in value) fields.push(intField(onnx.ATTRIBUTE.int, value.int), typeField('int'));
  else if ('ints' in value) fields.push(packedField(onnx.ATTRIBUTE.ints, value.ints), typeField('ints'));
  else if ('float' in value) fields.push(floatField(onnx.ATTRIBUTE.float, value.float), typeField('float'));
  else fields.push(textField(onnx.ATTRIBUTE.text, value.text), typeField('text'));
  return fields;
}

function typeField(type: keyof typeof onnx.ATTRIBUTE_TYPE): Field {
  return intField(onnx.ATTRIBUTE.type, onnx.ATTRIBUTE_TYPE[type]);
}

function tensorFields({ name, shape, offset, lengthBytes }: SafetensorsLayout['tensors'][number]): Field[] {
  const external = { location: onnx.WEIGHTS_LOCATION, offset: String(offset), length: String(lengthBytes) };
  return [
    packedField(onnx.TENSOR.dims, shape),
    intField(onnx.TENSOR.dataType, onnx.FLOAT32),
    textField(onnx.TENSOR.name, name),
    ...Object.entries(external).map(([key, value]) =>
      messageField(onnx.TENSOR.external, [textField(onnx.ENTRY.key, key), textField(onnx.ENTRY.value, value)]),
    ),
    intField(onnx.TENSOR.location, onnx.EXTERNAL),
  ];
}

function valueFields({ name, shape }: ValueSpec): Field[] {
  const dims = [textField(onnx.DIM.param, 'batch'), ...shape.map((size) => intField(onnx.DIM.value, size))];
  return [
    textField(onnx.VALUE.name, name),
    messageField(onnx.VALUE.type, [
      messageField(onnx.TYPE.tensor, [
        intField(onnx.TENSOR_TYPE.elementType, onnx.FLOAT32),
        messageField(
          onnx.TENSOR_TYPE.shape,
          dims.map((dim) => messageField(onnx.SHAPE.dim, [dim])),
        ),
      ]),
    ]),
  ];
}
