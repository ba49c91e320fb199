import type { Column, Manifest } from '../../catalog/manifest.js';
import { WeighbridgeError } from '../../kernel/index.js';
import { product, type Feature } from '../declaration/features.js';
import type { Label, Loss } from '../declaration/labels.js';
import type { Optimiser } from '../declaration/optimisers.js';
import { declarationSchema, type FeatureChoice, type ModelDeclaration, type ModelInput } from '../model-declaration.js';
import { doesNotFit, modelRejected } from '../model-errors.js';
import { classesOf, featureOf } from '../recipes/schema-features.js';
import type { ModelTemplate } from './model-file.js';

/** What a buyer may say of a job. What is left out is the model file's choice, and then the default. */
export interface JobChoices {
  /** A list for the only input, or lists by input. A name of a column stands for what its type suggests. */
  features?: FeatureChoice;
  /** Column to predict. */
  label?: string;
  loss?: Loss['name'];
  optimiser?: Optimiser['name'];
  learningRate?: number;
  epochs?: number;
  batchRows?: number;
  seed?: number;
  return?: 'trainable' | 'all';
}
type Schema = Pick<Manifest, 'columns' | 'label'>;

/** PyTorch's own defaults, but for the rate of sgd, which has none. clients/python has the same. */
const OPTIMISERS: Readonly<Record<Optimiser['name'], Optimiser>> = {
  sgd: { name: 'sgd', learningRate: 0.01, momentum: 0, nesterov: false, weightDecay: 0 },
  adam: { name: 'adam', learningRate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
  adamw: { name: 'adamw', learningRate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 },
};
const EPOCHS = 10;
const BATCH_ROWS = 32;

/**
 * Finishes the declaration of a job: what the model file decides, what the buyer says, and for the rest the dataset's public
 * schema and defaults.
 * @throws WeighbridgeError BAD_INPUT, MODEL_DOES_NOT_FIT, MODEL_REJECTED
 */
export function completeTemplate(template: ModelTemplate, schema: Schema, choices: JobChoices): ModelDeclaration {
  const loss = lossOf(template, choices);
  const label = choices.label === undefined ? template.label : undefined;
  const wanted = label ?? labelOf(loss, template.inputs, schema, choices.label);
  const declaration = {
    version: 1,
    graph: template.graph,
    weights: template.weights,
    trainable: template.trainable,
    tied: template.tied ?? {},
    inputs: template.inputs,
    features: featuresOf(template, schema, wanted, choices.features),
    label: wanted,
    loss,
    optimiser: optimiserOf(template, choices),
    schedule: template.schedule ?? { name: 'constant' },
    epochs: choices.epochs ?? template.epochs ?? EPOCHS,
    batchRows: choices.batchRows ?? template.batchRows ?? BATCH_ROWS,
    microBatchRows: template.microBatchRows ?? null,
    seed: choices.seed ?? template.seed ?? 1,
    precision: template.precision ?? 'float32',
    return: choices.return ?? template.return ?? 'trainable',
    privacy: template.privacy ?? 'none',
  };
  const parsed = declarationSchema.safeParse(declaration);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw modelRejected(`${issue?.path.join('.') ?? 'the declaration'}: ${issue?.message ?? 'not allowed'}`);
}

function lossOf(template: ModelTemplate, { loss }: JobChoices): Loss {
  if (loss === undefined) return template.loss ?? { name: 'cross-entropy' };
  if (template.loss?.name === loss) return template.loss;
  return loss === 'huber' ? { name: loss, delta: 1 } : { name: loss };
}

function optimiserOf(template: ModelTemplate, { optimiser, learningRate }: JobChoices): Optimiser {
  const named = optimiser ?? template.optimiser?.name ?? 'adam';
  const base = template.optimiser?.name === named ? template.optimiser : OPTIMISERS[named];
  return learningRate === undefined ? base : { ...base, learningRate };
}

function labelOf(loss: Loss, inputs: readonly ModelInput[], schema: Schema, given: string | undefined): Label {
  if (loss.name === 'next-token') return { kind: 'tokens', input: given ?? onlyOf(inputs).name, pad: null };
  const name = given ?? schema.label;
  if (name === undefined) {
    throw new WeighbridgeError('BAD_INPUT', 'the dataset has no label column of its own', {
      next: 'Name the column to predict with --label.',
    });
  }
  const column = columnOf(schema, name);
  if (loss.name === 'cross-entropy') return { kind: 'class', column: name, classes: classesOf(column) };
  if (loss.name === 'bce') {
    const [, positive, third] = classesOf(column);
    if (positive === undefined || third !== undefined)
      throw doesNotFit(`column "${name}" has not two classes`, TRY_FILE);
    return { kind: 'binary', columns: [{ column: name, positive }] };
  }
  const { range } = column;
  if (range === undefined || !(range.min < range.max)) {
    throw doesNotFit(`the seller declares no range of column "${name}"`, TRY_FILE);
  }
  return { kind: 'numbers', columns: [{ column: name, ...range }] };
}

const TRY_FILE = "Spell the label out in the model file's job.json.";

function featuresOf(
  template: ModelTemplate,
  schema: Schema,
  label: Label,
  given: FeatureChoice | undefined,
): Record<string, Feature[]> {
  const { inputs } = template;
  if (given === undefined) {
    return template.features ?? { [onlyOf(inputs).name]: wholeSchema(onlyOf(inputs), schema, label) };
  }
  const byInput = Array.isArray(given) ? { [onlyOf(inputs).name]: given } : given;
  const names = inputs.map(({ name }) => name);
  if (Object.keys(byInput).sort().join() !== [...names].sort().join()) {
    throw new WeighbridgeError(
      'BAD_INPUT',
      `features are given for other inputs than the model has: ${names.join(', ')}`,
      {
        next: 'Give a list of features for each input, by its name.',
      },
    );
  }
  return Object.fromEntries(
    inputs.map((input) => [input.name, (byInput[input.name] ?? []).map((one) => spelledOut(one, input, schema))]),
  );
}

function wholeSchema(input: ModelInput, { columns }: Schema, label: Label): Feature[] {
  const used = new Set('columns' in label ? label.columns.map(({ column }) => column) : []);
  if ('column' in label) used.add(label.column);
  const others = columns.filter(({ name }) => !used.has(name));
  const features = others.flatMap((column) => suggested(column, input) ?? []);
  if (features.length > 0) return features;
  const likely = mostTelling(others);
  throw doesNotFit(
    'no column has a declared range or vocabulary',
    likely === undefined
      ? 'Choose a dataset that has more columns than the one to predict.'
      : `Spell the features out in a file for --features (docs/model-format.md; texts need --tokenizer as well): [${formOf(likely, input)}].`,
  );
}

function spelledOut(feature: Feature | string, input: ModelInput, schema: Schema): Feature {
  if (typeof feature !== 'string') return feature;
  const column = columnOf(schema, feature);
  const suggestion = suggested(column, input);
  if (suggestion !== undefined) return suggestion;
  throw doesNotFit(
    `the seller declares no range or vocabulary of column "${feature}"`,
    `Spell the feature out: ${formOf(column, input)}.`,
  );
}

/** Of columns of which nothing is declared, the one that a model is most likely for: images, lists, texts. */
function mostTelling(columns: readonly Column[]): Column | undefined {
  const usual = ['image', 'tensor', 'string'].map((wanted) => columns.find(({ type }) => type === wanted));
  return usual.find((column) => column !== undefined) ?? columns[0];
}

/** How a feature of a column is usually written, of which the schema says too little to write it itself. */
function formOf({ name, type, shape }: Column, input: ModelInput): string {
  const column = `"column":${JSON.stringify(name)}`;
  const floats = input.dtype === 'float32';
  switch (type) {
    case 'image':
      return `{"kind":"image",${column},"channels":3,"height":32,"width":32,"resize":"bilinear","mean":[0.5,0.5,0.5],"std":[0.5,0.5,0.5]}`;
    case 'tensor':
      return `{"kind":"tensor",${column},"shape":${JSON.stringify(shape ?? [])},"min":...,"max":...}`;
    case 'string':
      if (!floats)
        return `{"kind":"text",${column},"tokenizer":"tokenizer.json","length":${product(input.shape)},"pad":0}`;
      return `{"kind":"one-hot",${column},"vocabulary":[...]}`;
    case 'number':
    case 'integer':
    case 'boolean':
      if (!floats) return `{"kind":"category",${column},"vocabulary":[...],"unknown":0}`;
      return `{"kind":"scale",${column},"min":...,"max":...}`;
  }
}

/** An integer input takes positions in a vocabulary; a word outside it counts as its first. */
function suggested(column: Column, { dtype }: ModelInput): Feature | undefined {
  if (dtype === 'float32') return featureOf(column);
  const { name, vocabulary } = column;
  return vocabulary === undefined ? undefined : { kind: 'category', column: name, vocabulary, unknown: 0 };
}

function columnOf({ columns }: Schema, name: string): Column {
  const column = columns.find((candidate) => candidate.name === name);
  if (column === undefined) throw doesNotFit(`the dataset has no column "${name}"`, 'Use the columns of its schema.');
  return column;
}

function onlyOf(inputs: readonly ModelInput[]): ModelInput {
  const [input, second] = inputs;
  if (input !== undefined && second === undefined) return input;
  throw new WeighbridgeError('BAD_INPUT', `the model has ${inputs.length} inputs`, {
    next: 'Say which columns fill which, with --features: {"<input>": ["<column>", ...]}.',
  });
}
