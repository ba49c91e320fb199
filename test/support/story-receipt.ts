import { assembleReceipt } from '../../src/provenance/index.js';
import { notedLog } from './noted-log.js';
import { declaration, market, provenanceStory } from './provenance-story.js';

/** The receipt of the story's run, as a market makes it: signed records, proofs, and if asked a cosigned checkpoint. */
export async function storyReceipt({ witnessed = false } = {}): Promise<Uint8Array> {
  const story = await provenanceStory();
  const { listed, licensed, granted, completed, settled } = story.entries;
  const log = notedLog([listed, licensed, granted, completed, settled], { witnessed });
  const indices = {
    'dataset-listed': 0,
    'licence-issued': 1,
    'access-granted': 2,
    'training-completed': 3,
    'job-settled': 4,
  };
  return assembleReceipt(log, { market, order: story.order, model: declaration, indices });
}
