import { largestPowerOfTwo, type VerifiedTree } from './tree.js';

/** RFC 6962 section 2.1.1, from the leaf's sibling up. @throws RangeError if the tree does not hold the entry */
export async function inclusionProof(tree: VerifiedTree, index: number): Promise<Uint8Array[]> {
  if (!Number.isSafeInteger(index) || index < 0 || index >= tree.head.size) {
    throw new RangeError(`entry ${index} is not in a tree of ${tree.head.size}`);
  }
  const siblings: Uint8Array[] = [];
  let [start, end] = [0, tree.head.size];
  while (end - start > 1) {
    const middle = start + leftSize(end - start);
    if (index < middle) {
      siblings.push(await tree.rangeHash(middle, end));
      end = middle;
    } else {
      siblings.push(await tree.rangeHash(start, middle));
      start = middle;
    }
  }
  return siblings.reverse();
}

/** RFC 6962 section 2.1.2: that the first `from` entries of the tree are the whole older tree. Empty for 0 and for all. */
export async function consistencyProof(tree: VerifiedTree, from: number): Promise<Uint8Array[]> {
  if (!Number.isSafeInteger(from) || from < 0 || from > tree.head.size) {
    throw new RangeError(`a tree of ${tree.head.size} does not extend one of ${from}`);
  }
  if (from === 0 || from === tree.head.size) return [];
  const path: Uint8Array[] = [];
  let [start, end] = [0, tree.head.size];
  while (end !== from) {
    const middle = start + leftSize(end - start);
    if (from <= middle) {
      path.push(await tree.rangeHash(middle, end));
      end = middle;
    } else {
      path.push(await tree.rangeHash(start, middle));
      start = middle;
    }
  }
  // The older tree's last subtree; when that is the whole older tree, the verifier has its root already.
  if (start > 0) path.push(await tree.rangeHash(start, end));
  return path.reverse();
}

/** Size of the left subtree: the largest power of two below `count`. */
function leftSize(count: number): number {
  return largestPowerOfTwo(count - 1);
}
