import type { Manifest, Terms } from '../../catalog/manifest.js';
import type { Bytes32 } from '../../kernel/index.js';
import type { TrainerIdentity } from '../../provenance/statements.js';
import type { BoughtMetric } from '../metric.js';
import type { FittedFeatures } from '../moments.js';
import type { ModelDeclaration } from '../model-declaration.js';

/** What is told of a model that leaves: public already, all of it. Digests are 64 hex digits. */
export interface ModelFacts {
  orderId: Bytes32;
  keyId: Bytes32;
  /** SHA-256 of the seller's terms and of the manifest, as the offer names them. */
  termsDigest: Bytes32;
  manifestDigest: Bytes32;
  manifest: Pick<Manifest, 'title' | 'datasetVersion' | 'rowCount'>;
  terms: Pick<Terms, 'title'>;
  declaration: ModelDeclaration;
  weightsSha256: string;
  tensors: number;
  parameters: number;
  trainer: TrainerIdentity;
  /** Bought beside the weights. */
  metric?: BoughtMetric | undefined;
  /** How columns become the model's inputs, where some of it was fitted on the rows. */
  features?: FittedFeatures | undefined;
  startedAt: Date;
  finishedAt: Date;
  /** Where terms and manifests are served by digest. */
  apiUrl: string;
}

/** Text by file name: what lies beside `weights.safetensors`. */
export type ModelFiles = Record<(typeof MODEL_FILE_NAMES)[number], string> & {
  [METRIC_FILE]?: string;
  [FITTED_FILE]?: string;
};
/** Only where a metric was bought. */
export const METRIC_FILE = 'metric.json';
/** Only where columns were standardised: features for `train --features`, and for whoever uses the model. */
export const FITTED_FILE = 'fitted-features.json';
/** The declaration as it was ordered: SHA-256 of its bytes is `jobDigest` on chain and in the receipt. */
export const DECLARATION_FILE = 'declaration.json';
export const MODEL_FILE_NAMES = [
  'model-card.md',
  'model.cdx.json',
  DECLARATION_FILE,
  'model.sig',
  'model-signing-key.pub',
] as const;

export const termsUrl = ({ apiUrl, termsDigest }: ModelFacts): string =>
  new URL(`/terms/${termsDigest.slice(2)}`, apiUrl).href;

/** What one may rely on, in a sentence. */
export function privacySentence({ declaration: { privacy } }: Pick<ModelFacts, 'declaration'>): string {
  if (privacy === 'none') return 'None; the model may memorise rows. Treat its weights as data derived from them.';
  const unit =
    privacy.unit.kind === 'row' ? 'one row' : `all rows that have one value in the column "${privacy.unit.column}"`;
  return `(epsilon ${privacy.epsilon}, delta ${privacy.delta})-differentially private with respect to ${unit}, added or removed.`;
}
