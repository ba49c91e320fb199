import { assembleReceipt } from '../../../src/provenance/index.js';
import { verifyReceipt } from '../../../src/provenance/verify/index.js';
import { notedLog, trust, witnessVkey } from '../../support/noted-log.js';
import { declaration, market, provenanceStory } from '../../support/provenance-story.js';

export { bundleForBrowser, hasBrowser, openPage } from '../../support/browser.js';
export { verifyReceipt };
export const witnessed = { ...trust, witnesses: { quorum: 1, vkeys: [witnessVkey] } };

/** A receipt as a market makes it: signed records, proofs, a cosigned checkpoint. The log around it is small. */
export async function makeReceipt(): Promise<Uint8Array> {
  const story = await provenanceStory();
  const { listed, licensed, granted, completed, settled } = story.entries;
  const log = notedLog([listed, licensed, granted, completed, settled], { witnessed: true });
  const indices = {
    'dataset-listed': 0,
    'licence-issued': 1,
    'access-granted': 2,
    'training-completed': 3,
    'job-settled': 4,
  };
  return assembleReceipt(log, { market, order: story.order, model: declaration, indices });
}
