import { canonicalJson, sha256Hex, utf8 } from '../../kernel/index.js';
import { WEIGHTS_NAME } from '../../provenance/index.js';
import { DECLARATION_FILE, FITTED_FILE, METRIC_FILE, type ModelFacts, type ModelFiles } from './facts.js';
import { mlBom } from './ml-bom.js';
import { modelCard } from './model-card.js';
import { signModel } from './model-signature.js';

export {
  DECLARATION_FILE,
  FITTED_FILE,
  METRIC_FILE,
  MODEL_FILE_NAMES,
  type ModelFacts,
  type ModelFiles,
} from './facts.js';

/**
 * Everything that lies beside the weights when they leave: card, bill of materials, declaration, the metric and the fitted features if they
 * were bought, and a signature over all of it and the weights.
 * @param signingKey - of this job alone, P-256
 */
export function modelFilesOf(facts: ModelFacts, signingKey: Uint8Array): ModelFiles {
  const [card, bom] = [modelCard(facts), mlBom(facts)];
  const json = (value: object) => `${JSON.stringify(value, null, 2)}\n`;
  const signed = {
    ...{ 'model-card.md': card, 'model.cdx.json': bom, [DECLARATION_FILE]: canonicalJson(facts.declaration) },
    ...(facts.metric === undefined ? {} : { [METRIC_FILE]: json(facts.metric) }),
    ...(facts.features === undefined ? {} : { [FITTED_FILE]: json(facts.features) }),
  };
  const digests = {
    [WEIGHTS_NAME]: facts.weightsSha256,
    ...Object.fromEntries(Object.entries(signed).map(([name, text]) => [name, sha256Hex(utf8(text))])),
  };
  const { signature, publicKey } = signModel(`job:${facts.orderId}`, digests, signingKey);
  return { ...signed, 'model.sig': signature, 'model-signing-key.pub': publicKey };
}
