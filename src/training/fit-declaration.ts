import { featureWidth, product, type Feature } from './declaration/features.js';
import { LABELS_OF } from './declaration/labels.js';
import { totalSteps } from './declaration/optimisers.js';
import type { ModelDeclaration, ModelInput } from './model-declaration.js';
import { doesNotFit, modelRejected } from './model-errors.js';
import type { TensorShapes } from './safetensors.js';

/** Columns that an error names. */
const SHOWN_COLUMNS = 8;
/** Which transforms make numbers of an input's type. */
const KINDS_OF: Readonly<Record<ModelInput['dtype'], readonly Feature['kind'][]>> = {
  float32: ['scale', 'standardise', 'one-hot', 'tensor', 'image'],
  int32: ['category', 'tensor', 'text', 'text-mask'],
  int64: ['category', 'tensor', 'text', 'text-mask'],
  bool: ['tensor', 'text-mask'],
};

/**
 * Whether the parts of a declaration agree with one another: features with inputs, label with loss, schedule with steps.
 * @throws WeighbridgeError MODEL_REJECTED, MODEL_DOES_NOT_FIT
 */
export function checkAgreement(declaration: ModelDeclaration, shapes: TensorShapes, rowCount: number): void {
  checkTied(declaration.tied, shapes);
  checkInputs(declaration);
  checkLabel(declaration);
  checkOptimiser(declaration, rowCount);
}

/** A tie is a second name for a tensor that is there: a buyer's model loads by it. */
function checkTied(tied: ModelDeclaration['tied'], shapes: TensorShapes): void {
  for (const [alias, kept] of Object.entries(tied)) {
    if (shapes.has(alias)) throw modelRejected(`tied name "${alias}" is a tensor of its own in the weights`);
    if (!shapes.has(kept)) throw modelRejected(`"${alias}" is tied to "${kept}", which the weights do not hold`);
  }
}

function checkInputs({ inputs, features }: ModelDeclaration): void {
  const names = inputs.map(({ name }) => name);
  const named = Object.keys(features);
  if (new Set(names).size !== names.length) throw modelRejected('an input is declared twice');
  if (names.length !== named.length || names.some((name) => !Object.hasOwn(features, name))) {
    throw doesNotFit(
      `features are given for ${named.join(', ')}, the graph takes ${names.join(', ')}`,
      'Give every input its features.',
    );
  }
  for (const input of inputs) checkInput(input, features[input.name] ?? []);
}

function checkInput({ name, shape, dtype }: ModelInput, features: readonly Feature[]): void {
  for (const feature of features) {
    if (!KINDS_OF[dtype].includes(feature.kind)) {
      throw doesNotFit(
        `input "${name}" is ${dtype}, which "${feature.kind}" of column "${feature.column}" does not make`,
        `Use one of ${KINDS_OF[dtype].join(', ')}.`,
      );
    }
    checkBounds(feature, dtype);
  }
  const width = features.reduce((sum, feature) => sum + featureWidth(feature), 0);
  if (width !== product(shape)) {
    throw doesNotFit(
      `the features of input "${name}" are ${width} numbers wide, the graph takes ${product(shape)}`,
      `Make the two agree: ${widthsOf(features)}.`,
    );
  }
}

/** Which column makes how many of the input's numbers. */
function widthsOf(features: readonly Feature[]): string {
  const said = features.slice(0, SHOWN_COLUMNS).map((feature) => `${feature.column} makes ${featureWidth(feature)}`);
  const more = features.length > SHOWN_COLUMNS ? `, and so on (${features.length} columns)` : '';
  return `${said.join(', ')}${more}`;
}

/** The graph's embedding must have a row for whatever comes, which a public bound makes sure of. */
function checkBounds(feature: Feature, dtype: ModelInput['dtype']): void {
  if (feature.kind === 'image') checkChannels(feature);
  if (feature.kind !== 'tensor' || dtype === 'float32') return;
  const limit = dtype === 'bool' ? 1 : 2 ** 31 - 1;
  const { min, max } = feature;
  if (!Number.isInteger(min) || !Number.isInteger(max) || min > max || min < -limit - 1 || max > limit) {
    throw doesNotFit(
      `column "${feature.column}" has no whole bounds of its type`,
      'Give whole numbers as min and max.',
    );
  }
}

function checkChannels({ column, channels, mean, std }: Extract<Feature, { kind: 'image' }>): void {
  if (mean.length === channels && std.length === channels) return;
  throw doesNotFit(`column "${column}" has ${channels} channels`, 'Give one mean and one std a channel.');
}

function checkLabel({ label, loss, inputs, features }: ModelDeclaration): void {
  if (!LABELS_OF[loss.name].includes(label.kind)) {
    throw doesNotFit(
      `loss "${loss.name}" cannot be computed from a label of kind "${label.kind}"`,
      `Use a label of kind ${LABELS_OF[loss.name].join(' or ')}.`,
    );
  }
  if (label.kind === 'tokens') return checkTokens(label.input, inputs);
  const targets = 'columns' in label ? label.columns.map(({ column }) => column) : [label.column];
  for (const feature of Object.values(features).flat()) {
    if (targets.includes(feature.column)) {
      throw doesNotFit(
        `column "${feature.column}" is both a feature and the label`,
        'Leave the label out of the features.',
      );
    }
  }
}

function checkTokens(name: string, inputs: readonly ModelInput[]): void {
  const input = inputs.find((candidate) => candidate.name === name);
  const isTokens = input !== undefined && input.dtype.startsWith('int') && input.shape.length === 1;
  if (isTokens && product(input.shape) >= 2) return;
  throw doesNotFit(`"${name}" is not an input of at least two integer tokens`, 'Name the input that takes the tokens.');
}

function checkOptimiser({ optimiser, schedule, epochs, batchRows }: ModelDeclaration, rowCount: number): void {
  if (optimiser.name === 'sgd' && optimiser.nesterov && optimiser.momentum === 0) {
    throw doesNotFit('nesterov without momentum is no optimiser', 'Give a momentum above 0.');
  }
  const steps = totalSteps(rowCount, batchRows, epochs);
  if ('warmupSteps' in schedule && schedule.warmupSteps >= steps) {
    throw doesNotFit(
      `the warm-up of ${schedule.warmupSteps} steps does not end before the run of ${steps}`,
      'Warm up for fewer steps, or train more epochs.',
    );
  }
}
