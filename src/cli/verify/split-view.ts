import { logSourceOf, openLogSource, VerifiedTree, type LogReader } from '../../provenance/index.js';
import {
  checkSplitView,
  EMPTY_ROOT,
  parseCheckpoint,
  parseNote,
  parseReceipt,
  parseTlogProof,
  RECEIPT_RECORDS,
  type Check,
  type LogTrust,
  type ShownTree,
} from '../../provenance/verify/index.js';
import { decodeNote, readBytes } from './read-files.js';

/** Holds a receipt against another checkpoint of its log; across sizes by the tiles of the log, if it is named. */
export async function compareReceipt(
  receipt: Uint8Array,
  { checkpoint, log }: { checkpoint: string; log: string | undefined },
  trust: LogTrust,
): Promise<Check> {
  const { records } = parseReceipt(receipt);
  const notes = new Set(RECEIPT_RECORDS.map((type) => parseTlogProof(records[type].proof).checkpoint));
  const known = decodeNote(await readBytes(checkpoint));
  const tree = log === undefined ? undefined : await shownTree(openLogSource(logSourceOf(log)));
  return checkSplitView([...notes, known], trust, tree);
}

/** Holds what a log shows now against a checkpoint of it from before, or from elsewhere. */
export async function compareLog(log: LogReader, checkpoint: string, trust: LogTrust): Promise<Check> {
  return checkSplitView([decodeNote(await readBytes(checkpoint))], trust, await shownTree(log));
}

async function shownTree(log: LogReader): Promise<ShownTree> {
  const note = await log.checkpoint();
  let tree: Promise<VerifiedTree> | undefined;
  return {
    note,
    rootAt: async (size) => {
      tree ??= VerifiedTree.open(async (path) => log.tile(path), parseCheckpoint(parseNote(note).text));
      return size === 0 ? EMPTY_ROOT : (await tree).rangeHash(0, size);
    },
  };
}
