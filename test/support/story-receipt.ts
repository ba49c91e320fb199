import { utf8 } from '../../src/kernel/index.js';
import { assembleReceipt } from '../../src/provenance/index.js';
import type { ReceiptRecord } from '../../src/provenance/verify/index.js';
import { notedLog } from './noted-log.js';
import { declaration, market, provenanceStory, type StoryRun } from './provenance-story.js';

export const STORY_INDICES: Record<ReceiptRecord, number> = {
  'dataset-listed': 0,
  'licence-issued': 1,
  'access-granted': 2,
  'training-completed': 3,
  'job-settled': 4,
};

interface StoryLog {
  /** Where each record lies. */
  indices?: Record<ReceiptRecord, number>;
  /** How many entries the log has; those of nobody's story are strangers'. */
  size?: number;
  /** Another history: strangers' entries are others. */
  history?: string;
  /** What is told of the run. */
  run?: Partial<StoryRun>;
}

/** The entries of a log that holds the story's five records, and strangers' entries between and after them. */
export async function storyEntries({ indices = STORY_INDICES, size = 5, history = '', run }: StoryLog = {}) {
  const { entries: story } = await provenanceStory(run);
  const entries = Array.from({ length: size }, (_, i) => utf8(`stranger ${i}${history}`));
  entries[indices['dataset-listed']] = story.listed;
  entries[indices['licence-issued']] = story.licensed;
  entries[indices['access-granted']] = story.granted;
  entries[indices['training-completed']] = story.completed;
  entries[indices['job-settled']] = story.settled;
  return entries;
}

/** The receipt of the story's run, as a market makes it: signed records, proofs, and if asked a cosigned checkpoint. */
export async function storyReceipt({ witnessed = false, ...of }: StoryLog & { witnessed?: boolean } = {}) {
  const { order, pseudonymSignature } = await provenanceStory(of.run);
  const log = notedLog(await storyEntries(of), { witnessed });
  const indices = of.indices ?? STORY_INDICES;
  return assembleReceipt(log, {
    market,
    order,
    pseudonymSignature,
    model: of.run?.declaration ?? declaration,
    indices,
  });
}
