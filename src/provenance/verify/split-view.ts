import { sameBytes, toHex } from '../../kernel/index.js';
import { check, CheckFailed, type Check } from './checks.js';
import { verifyCheckpoint, type Checkpoint, type LogTrust } from './checkpoint.js';

/** The tree that a log shows now, in which each of its older checkpoints must be found. Reading it is the caller's. */
export interface ShownTree {
  /** The signed note. */
  note: string;
  /** Root of the tree's first `size` entries, proven under the note's root. */
  rootAt(size: number): Promise<Uint8Array>;
}

/**
 * Whether checkpoints that one log signed are of one tree. Two of one size with different roots are a split view: both
 * notes together prove it to anybody. Of different sizes they say nothing without the tree between them.
 * The log's key alone counts here: the view that witnesses did not cosign is the one that must not go unseen.
 * @param notes - signed checkpoints, from wherever
 * @param tree - where they are of different sizes
 * @throws what `tree` throws as retryable
 */
export async function checkSplitView(notes: readonly string[], trust: LogTrust, tree?: ShownTree): Promise<Check> {
  const restsOn = tree === undefined ? 'the log’s key' : 'the log’s key, and SHA-256 over its tiles';
  return check('split-view', restsOn, 'NO_CONSISTENCY', async () => {
    const heads = notes.map((note) => signedHead(note, trust));
    const shown = tree === undefined ? undefined : { ...tree, head: signedHead(tree.note, trust) };
    if (shown !== undefined) heads.push(shown.head);
    heads.sort((a, b) => a.size - b.size);
    for (const [i, head] of heads.entries()) {
      const next = heads[i + 1];
      if (next?.size === head.size && !sameBytes(next.root, head.root)) throw split(head, next.root, next.size);
    }
    const sizes = [...new Set(heads.map(({ size }) => size))];
    if (sizes.length === 1) return `one tree of ${sizes.join('')} entries`;
    if (shown === undefined)
      throw unknown(`of ${sizes.join(' and ')} entries: it takes the log's tiles to compare them`);
    for (const head of heads) {
      if (head.size > shown.head.size) {
        throw unknown(`of ${head.size} entries, and the log that was given shows only ${shown.head.size}`);
      }
      const root = await shown.rootAt(head.size);
      if (!sameBytes(root, head.root)) throw split(head, root, shown.head.size);
    }
    return `the trees of ${sizes.join(', ')} entries are one that grew`;
  });
}

function signedHead(note: string, trust: LogTrust): Checkpoint {
  try {
    return verifyCheckpoint(note, { log: trust.log, witnesses: { quorum: 0, vkeys: [] } });
  } catch (error) {
    throw new CheckFailed('BAD_CHECKPOINT', error instanceof Error ? error.message : String(error));
  }
}

function split({ size, root }: Checkpoint, other: Uint8Array, otherSize: number): CheckFailed {
  const detail = `for the first ${size} entries ${toHex(root)}, and ${toHex(other)} under its tree of ${otherSize}`;
  return new CheckFailed('SPLIT_VIEW', `the log signed two histories: ${detail}`);
}

function unknown(detail: string): CheckFailed {
  return new CheckFailed('NO_CONSISTENCY', `whether the checkpoints are of one tree is not shown: ${detail}`);
}
