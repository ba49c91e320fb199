import { sha256Hex, utf8 } from '../../kernel/index.js';
import type { BoughtMetric } from '../metric.js';
import type { ModelDeclaration } from '../model-declaration.js';
import { privacySentence, termsUrl, type ModelFacts } from './facts.js';

const MODEL = 'model';

/** `model.cdx.json`: CycloneDX 1.6 machine learning bill of materials (https://cyclonedx.org/docs/1.6/json/): the model, and what went into it. */
export function mlBom(facts: ModelFacts): string {
  const { declaration, finishedAt, keyId } = facts;
  const dataset = `weighbridge:dataset:${keyId}`;
  const graph = 'weighbridge:graph';
  const initial = 'weighbridge:initial-weights';
  const bom = {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: serialNumber(facts),
    version: 1,
    metadata: {
      timestamp: finishedAt.toISOString(),
      tools: { components: toolsOf(facts) },
      component: {
        type: 'machine-learning-model',
        'bom-ref': MODEL,
        name: 'weights.safetensors',
        version: facts.weightsSha256.slice(0, 12),
        hashes: sha256(facts.weightsSha256),
        licenses: [{ license: { name: facts.terms.title, url: termsUrl(facts) } }],
        modelCard: modelCardOf(facts, dataset),
      },
    },
    components: [
      {
        type: 'data',
        'bom-ref': dataset,
        name: facts.manifest.title,
        version: String(facts.manifest.datasetVersion),
        description: `${facts.manifest.rowCount} rows, encrypted; the hash is of the manifest`,
        hashes: sha256(facts.manifestDigest.slice(2)),
        licenses: [{ license: { name: facts.terms.title, url: termsUrl(facts) } }],
        data: [{ type: 'dataset', name: facts.manifest.title }],
      },
      { type: 'file', 'bom-ref': graph, name: 'graph.onnx', hashes: sha256(declaration.graph) },
      {
        type: 'machine-learning-model',
        'bom-ref': initial,
        name: 'first weights',
        hashes: sha256(declaration.weights),
      },
    ],
    dependencies: [{ ref: MODEL, dependsOn: [dataset, graph, initial] }],
  };
  return `${JSON.stringify(bom, null, 2)}\n`;
}

function toolsOf({ trainer }: ModelFacts): object[] {
  return [
    { type: 'application', name: trainer.name, version: trainer.version },
    { type: 'framework', name: 'jax', version: trainer.jax },
  ];
}

function modelCardOf(facts: ModelFacts, dataset: string): object {
  const { declaration, metric } = facts;
  return {
    modelParameters: {
      approach: { type: declaration.loss.name === 'next-token' ? 'self-supervised' : 'supervised' },
      task: taskOf(declaration),
      datasets: [{ ref: dataset }],
      inputs: declaration.inputs.map(({ name, shape, dtype }) => ({
        format: `${name}: ${dtype}[${shape.join(', ')}]`,
      })),
    },
    ...(metric === undefined ? {} : { quantitativeAnalysis: { performanceMetrics: [performanceOf(metric)] } }),
    considerations: {
      technicalLimitations: [
        ...(metric === undefined ? ['How good the model is was not measured.'] : []),
        'The worker that trained it was not attested.',
      ],
      ethicalConsiderations: [
        { name: 'What the weights tell of the rows', mitigationStrategy: privacySentence(facts) },
      ],
    },
    properties: [
      { name: 'weighbridge:job', value: facts.orderId },
      { name: 'weighbridge:privacy', value: JSON.stringify(declaration.privacy) },
      { name: 'weighbridge:parameters', value: String(facts.parameters) },
    ],
  };
}

/** The interval is of the noise alone, two deviations to each side. */
function performanceOf({ name, value, deviation, rows }: BoughtMetric): object {
  return {
    type: name,
    value: String(value),
    slice: `${rows} rows that the seller holds out of training`,
    confidenceInterval: { lowerBound: String(value - 2 * deviation), upperBound: String(value + 2 * deviation) },
  };
}

function taskOf({ label }: ModelDeclaration): string {
  if (label.kind === 'numbers') return 'regression';
  return label.kind === 'tokens' ? 'next token prediction' : 'classification';
}

/** A UUID (RFC 9562, version 8) of the job and its weights: the same model has the same bill. */
function serialNumber({ orderId, weightsSha256 }: ModelFacts): string {
  const hex = sha256Hex(utf8(`${orderId}\n${weightsSha256}`));
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ];
  return `urn:uuid:${parts.join('-')}`;
}

function sha256(content: string): { alg: 'SHA-256'; content: string }[] {
  return [{ alg: 'SHA-256', content }];
}
