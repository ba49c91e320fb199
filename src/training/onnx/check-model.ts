import type { ModelDeclaration, ModelInput } from '../model-declaration.js';
import { safetensorsLayout, type TensorShapes } from '../safetensors.js';
import { checkLogits, checkTables, type LargestTokens } from './check-tables.js';
import { ELEMENT_TYPES, FLOAT32, INLINE_TYPES, IR_VERSIONS, OPSET_VERSIONS, WEIGHTS_LOCATION } from './fields.js';
import { OPERATORS } from './operators.js';
import { readModel, type ModelSummary, type ModelTensor, type ModelValue } from './read-model.js';
import { WireError } from './wire.js';

/**
 * Checks a graph against its weights and its declaration: versions, operators, inputs and one output of the declared
 * shapes, every weight named once with the shape and the place that the weights file gives it.
 * @throws WireError
 * @throws WeighbridgeError MODEL_DOES_NOT_FIT for a table of fewer rows than an input picks from, or fewer logits than tokens
 */
export function checkModel(
  graph: Uint8Array,
  shapes: TensorShapes,
  declaration: ModelDeclaration,
  tokens: LargestTokens,
): void {
  const model = readModel(graph);
  checkVersions(model);
  for (const { op, domain } of model.nodes) {
    if (domain !== '' || !OPERATORS.has(op)) throw new WireError(`operator "${domain}::${op}" is not in the table`);
  }
  checkInitializers(model.initializers, shapes);
  checkTrainable(declaration.trainable, shapes);
  checkInputs(model.inputs, declaration.inputs);
  checkOutput(model.outputs, declaration);
  checkTables(model, shapes, declaration.features, tokens);
  checkLogits(model, declaration, tokens);
}

function checkVersions({ irVersion, opsets }: ModelSummary): void {
  const [opset, second] = opsets;
  if (irVersion < IR_VERSIONS.min || irVersion > IR_VERSIONS.max)
    throw new WireError(`IR version ${irVersion} is not taken`);
  if (opset === undefined || second !== undefined || opset.domain !== '') {
    throw new WireError('the graph must import the ONNX operators and no others');
  }
  if (opset.version < OPSET_VERSIONS.min || opset.version > OPSET_VERSIONS.max) {
    throw new WireError(`opset ${opset.version} is not taken`);
  }
}

function checkInitializers(initializers: readonly ModelTensor[], shapes: TensorShapes): void {
  const places = new Map(safetensorsLayout(shapes).tensors.map((tensor) => [tensor.name, tensor]));
  const named = new Set<string>();
  for (const tensor of initializers) {
    if (named.has(tensor.name)) throw new WireError(`initializer "${tensor.name}" stands twice`);
    named.add(tensor.name);
    const place = places.get(tensor.name);
    if (tensor.external === undefined) {
      // Small constants (shapes, axes, epsilons) may stand in the graph; the trainer caps their size.
      if (place !== undefined || !INLINE_TYPES.includes(tensor.dataType)) {
        throw new WireError(`initializer "${tensor.name}" must point into ${WEIGHTS_LOCATION}`);
      }
      continue;
    }
    if (place === undefined) throw new WireError(`the weights hold no tensor "${tensor.name}"`);
    const { external } = tensor;
    const offset = external.get('offset');
    const length = external.get('length');
    if (
      external.get('location') !== WEIGHTS_LOCATION ||
      offset !== `${place.offset}` ||
      length !== `${place.lengthBytes}`
    ) {
      throw new WireError(`initializer "${tensor.name}" does not point to its place in ${WEIGHTS_LOCATION}`);
    }
    if (tensor.dataType !== FLOAT32 || tensor.shape.join() !== place.shape.join()) {
      throw new WireError(`initializer "${tensor.name}" has another type or shape than the weights`);
    }
  }
  for (const name of shapes.keys()) {
    if (!named.has(name)) throw new WireError(`the graph does not use tensor "${name}" of the weights`);
  }
}

function checkTrainable(trainable: readonly string[], shapes: TensorShapes): void {
  if (new Set(trainable).size !== trainable.length) throw new WireError('a trainable tensor is declared twice');
  for (const name of trainable) {
    if (!shapes.has(name)) throw new WireError(`trainable tensor "${name}" is not in the weights`);
  }
}

function checkInputs(values: readonly ModelValue[], declared: readonly ModelInput[]): void {
  if (values.length !== declared.length) throw new WireError(`the graph has ${values.length} inputs`);
  for (const [index, input] of declared.entries()) {
    const value = values[index];
    if (value?.name !== input.name) throw new WireError(`input ${index} is not the declared "${input.name}"`);
    if (value.elementType !== ELEMENT_TYPES[input.dtype]) {
      throw new WireError(`input "${input.name}" is not of type ${input.dtype}`);
    }
    if (rowShape(value).join() !== input.shape.join()) {
      throw new WireError(`input "${input.name}" is not the declared [${input.shape.join()}] a row`);
    }
  }
}

/** One output, wide as the label asks. */
function checkOutput(values: readonly ModelValue[], { label, inputs }: ModelDeclaration): void {
  const [value, second] = values;
  if (value === undefined || second !== undefined) throw new WireError('the graph must have one output');
  if (value.elementType !== FLOAT32) throw new WireError('the output must be float32');
  const shape = rowShape(value);
  const wanted = outputShape(label, inputs);
  // A dimension that the exporter left open is judged by the trainer, which computes it.
  if (shape.length !== wanted.length || wanted.some((size, axis) => !fits(size, shape[axis]))) {
    throw new WireError(`the output is [${shape.join()}] a row, the label takes [${wanted.join()}]`);
  }
}

function fits(wanted: number | 'any', size: number | string | undefined): boolean {
  return typeof size === 'string' || wanted === 'any' || size === wanted;
}

/** What the label needs the graph to answer, a row. */
function outputShape(label: ModelDeclaration['label'], inputs: readonly ModelInput[]): (number | 'any')[] {
  switch (label.kind) {
    case 'class':
      return [label.classes.length];
    case 'class-map':
      return [label.classes, ...label.shape];
    case 'binary':
    case 'numbers':
      return [label.columns.length];
    case 'tokens':
      return [...(inputs.find(({ name }) => name === label.input)?.shape ?? []), 'any'];
  }
}

function rowShape({ name, shape }: ModelValue): (number | string)[] {
  const [batch, ...rest] = shape;
  // A fixed batch would let a graph see how many rows stand beside its own.
  if (typeof batch !== 'string') throw new WireError(`the first axis of "${name}" must be the batch, by name`);
  return rest;
}
