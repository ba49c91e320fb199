import type { BoughtMetric } from '../metric.js';
import { escaped } from './card-text.js';
import { privacySentence, termsUrl, type ModelFacts } from './facts.js';
import { usingIt } from './using-it.js';

/**
 * `model-card.md`: Hugging Face's metadata (https://huggingface.co/docs/hub/model-cards) in front, and what a person asks of a model. A
 * string in JSON is one in YAML. What the seller wrote is quoted as text: a title must not become a link or a heading here.
 */
export function modelCard(facts: ModelFacts): string {
  return [
    '---',
    ...frontMatter(facts),
    '---',
    '',
    `# A model trained on "${escaped(facts.manifest.title)}"`,
    '',
    'Trained through Weighbridge: the training went to the data, and these weights are all that left.',
    '',
    ...section('Model', modelLines(facts)),
    ...section('Using it', usingIt(facts)),
    ...section('Data', dataLines(facts)),
    ...section('Training', trainingLines(facts)),
    ...(facts.metric === undefined ? [] : section('How good it is', metricLines(facts.metric))),
    ...section('Privacy', [privacySentence(facts), '', ...privacyLines(facts)]),
    ...section('Checking it', CHECKS),
    ...section('Limits', limitsOf(facts)),
  ].join('\n');
}

function frontMatter(facts: ModelFacts): string[] {
  const { declaration, keyId, orderId, weightsSha256, metric } = facts;
  const { privacy } = declaration;
  return [
    'license: other',
    `license_name: ${JSON.stringify(slug(facts.terms.title))}`,
    `license_link: ${JSON.stringify(termsUrl(facts))}`,
    'datasets:',
    `- ${JSON.stringify(`weighbridge:dataset:${keyId}`)}`,
    'library_name: safetensors',
    'tags:',
    '- weighbridge',
    ...(privacy === 'none' ? [] : ['- differential-privacy']),
    'weighbridge:',
    `  job: ${JSON.stringify(orderId)}`,
    `  weights_sha256: ${JSON.stringify(weightsSha256)}`,
    ...(privacy === 'none'
      ? ['  privacy: "none; the model may memorise rows"']
      : [
          '  privacy:',
          `    epsilon: ${privacy.epsilon}`,
          `    delta: ${privacy.delta}`,
          `    unit: ${JSON.stringify(privacy.unit.kind === 'row' ? 'row' : privacy.unit.column)}`,
        ]),
    ...(metric === undefined
      ? []
      : [
          '  metric:',
          `    ${metric.name}: ${metric.value}`,
          `    noise: ${metric.deviation}`,
          `    rows: ${metric.rows}`,
        ]),
  ];
}

function section(title: string, lines: readonly string[]): string[] {
  return [`## ${title}`, '', ...lines, ''];
}

function modelLines({ declaration, tensors, parameters, weightsSha256 }: ModelFacts): string[] {
  return [
    `- \`weights.safetensors\`: ${tensors} float32 tensors, ${parameters} numbers; SHA-256 \`${weightsSha256}\``,
    `- which of the model's: ${declaration.return === 'all' ? 'all' : 'those that were trained'}`,
    `- graph: ONNX, SHA-256 \`${declaration.graph}\``,
    `- first weights: SHA-256 \`${declaration.weights}\``,
  ];
}

function dataLines(facts: ModelFacts): string[] {
  const { manifest, keyId, terms } = facts;
  return [
    `- "${escaped(manifest.title)}", version ${manifest.datasetVersion}, ${manifest.rowCount} rows: \`${keyId}\``,
    `- licence: "${escaped(terms.title)}", ${termsUrl(facts)}`,
  ];
}

function trainingLines({ declaration, features, trainer, startedAt, finishedAt }: ModelFacts): string[] {
  const { loss, optimiser, epochs, batchRows, seed, precision } = declaration;
  return [
    `- ${epochs} epochs, ${batchRows} rows in a step, seed ${seed}, ${precision}`,
    `- loss: ${loss.name}; optimiser: ${optimiser.name}, learning rate ${optimiser.learningRate}`,
    ...(features === undefined
      ? []
      : ['- columns are standardised by a mean and a deviation of the rows, with noise: `fitted-features.json`']),
    `- ${trainer.name} ${trainer.version}, JAX ${trainer.jax}, ${trainer.threads} threads of ${trainer.device}`,
    `- from ${startedAt.toISOString()} to ${finishedAt.toISOString()}`,
  ];
}

function privacyLines({ declaration: { privacy } }: ModelFacts): string[] {
  if (privacy === 'none') return [];
  const { noiseMultiplier, clippingNorm, samplingRate, steps, metric, moments } = privacy;
  return [
    'DP-SGD with Poisson sampling; Rényi accounting, add/remove adjacency.',
    '',
    `- noise multiplier ${noiseMultiplier}, clipping norm ${clippingNorm}, sampling rate ${samplingRate}, ${steps} steps`,
    ...(metric === undefined
      ? []
      : [`- ${metric.name}: noise multiplier ${metric.noiseMultiplier}, in the same epsilon`]),
    ...(moments === undefined
      ? []
      : [`- mean and deviation of columns: noise multiplier ${moments.noiseMultiplier}, in the same epsilon`]),
  ];
}

function metricLines({ name, value, deviation, rows, bound }: BoughtMetric): string[] {
  return [
    `- ${name} ${value} over ${rows} rows that the seller holds out of training`,
    `- that is with noise, whose standard deviation is ${deviation}${name === 'loss' ? `; a row counts as ${bound} at most` : ''}`,
  ];
}

const CHECKS = [
  '```',
  'weighbridge verify receipt.json --trust trust.json --weights weights.safetensors',
  'model_signing verify key . --signature model.sig --public_key model-signing-key.pub --ignore_unsigned_files',
  '```',
  '',
  "The receipt holds the SLSA provenance, signed by the job's worker and logged. The same record names the digest of this card, the ML-BOM, the",
  'signature and its key: so the key is as good as the receipt, and no better.',
];

function limitsOf({ metric }: ModelFacts): string[] {
  const proves =
    'The receipt proves what was recorded, not that training was done well or honestly; the worker was not attested.';
  return metric === undefined ? [`${proves} How good the model is, nobody`, 'here has measured.'] : [proves];
}

/** As Hugging Face wants the name of a licence. */
function slug(title: string): string {
  const words = title.toLowerCase().match(/[a-z0-9]+/g) ?? [];
  return words.join('-').slice(0, 60) || 'terms';
}
