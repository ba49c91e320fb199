import type { Feature } from '../declaration/features.js';
import type { Label } from '../declaration/labels.js';
import { escaped, listed } from './card-text.js';
import { DECLARATION_FILE, FITTED_FILE, type ModelFacts } from './facts.js';

const SHOWN_FEATURES = 12;
const SHOWN_WORDS = 20;
const SHOWN_WORD_LENGTH = 60;

/** What goes in and what comes out: without the order of its classes nobody can use a model. */
export function usingIt({ declaration, features }: Pick<ModelFacts, 'declaration' | 'features'>): string[] {
  const { inputs, label } = declaration;
  const file = features === undefined ? DECLARATION_FILE : FITTED_FILE;
  return [
    ...inputs.map(({ name, dtype, shape }) => {
      const filled = (declaration.features[name] ?? []).map(featureText);
      return `- in: ${quoted(name)}, ${dtype}[${shape.join(', ')}]: ${listed(filled, SHOWN_FEATURES)}`;
    }),
    `- out: ${outputOf(label)}`,
    '',
    `\`${file}\` has every constant; \`weighbridge.inputs("${file}", rows)\` in Python makes the inputs of rows.`,
  ];
}

function featureText(feature: Feature): string {
  const column = quoted(feature.column);
  switch (feature.kind) {
    case 'scale':
      return `${column} scaled from ${feature.min} to ${feature.max}`;
    case 'standardise':
      return `${column} by its mean and deviation`;
    case 'one-hot':
      return `${column} as one of ${feature.vocabulary.length} words`;
    case 'category':
      return `${column} as its place among ${feature.vocabulary.length} words`;
    case 'tensor':
      return `${column}, numbers [${feature.shape.join(', ')}] from ${feature.min} to ${feature.max}`;
    case 'text':
      return `${column} as ${feature.length} tokens`;
    case 'text-mask':
      return `where ${column} has tokens`;
    case 'image':
      return `${column}, an image of ${feature.channels} x ${feature.height} x ${feature.width}`;
  }
}

function outputOf(label: Label): string {
  switch (label.kind) {
    case 'class':
      return `a logit for each class of ${quoted(label.column)}, in this order: ${listed(label.classes.map(wordText), SHOWN_WORDS)}`;
    case 'class-map':
      return `a logit for each of ${label.classes} classes at every place of ${quoted(label.column)}`;
    case 'binary':
      return `a logit each for ${listed(
        label.columns.map(({ column, positive }) => `${quoted(column)} = ${wordText(positive)}`),
        SHOWN_FEATURES,
      )}`;
    case 'numbers':
      return listed(
        label.columns.map(({ column, min, max }) => `${quoted(column)}, where 0 means ${min} and 1 means ${max}`),
        SHOWN_FEATURES,
      );
    case 'tokens':
      return `at every place a logit for each token that may come next in ${quoted(label.input)}`;
  }
}

function quoted(name: string): string {
  return `"${short(name)}"`;
}

function wordText(word: string | number): string {
  return typeof word === 'number' ? String(word) : quoted(word);
}

function short(text: string): string {
  return escaped(text.length > SHOWN_WORD_LENGTH ? `${text.slice(0, SHOWN_WORD_LENGTH)}…` : text);
}
