import { sha256Hex, utf8 } from '../../kernel/index.js';
import { WEIGHTS_NAME } from '../../provenance/index.js';
import type { ModelFacts, ModelFiles } from './facts.js';
import { mlBom } from './ml-bom.js';
import { modelCard } from './model-card.js';
import { signModel } from './model-signature.js';

export { MODEL_FILE_NAMES, type ModelFacts, type ModelFiles } from './facts.js';

/**
 * Everything that lies beside the weights when they leave: card, bill of materials, and a signature over both and the weights.
 * @param signingKey - of this job alone, P-256
 */
export function modelFilesOf(facts: ModelFacts, signingKey: Uint8Array): ModelFiles {
  const [card, bom] = [modelCard(facts), mlBom(facts)];
  const digests = {
    [WEIGHTS_NAME]: facts.weightsSha256,
    'model-card.md': sha256Hex(utf8(card)),
    'model.cdx.json': sha256Hex(utf8(bom)),
  };
  const { signature, publicKey } = signModel(`job:${facts.orderId}`, digests, signingKey);
  return { 'model-card.md': card, 'model.cdx.json': bom, 'model.sig': signature, 'model-signing-key.pub': publicKey };
}
