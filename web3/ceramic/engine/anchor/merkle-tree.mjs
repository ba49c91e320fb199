/**
 * A binary Merkle tree of IPLD nodes `[left, right]` over stream tips, as Ceramic's anchor proofs walk it. An odd node
 * is lifted as it is. The blocks go into `car`.
 * @param car cartonne CAR that takes the inner nodes
 * @param tips CIDs of the leaves, at least one
 * @returns root CID, and the path ("0/1/0", empty for a lone leaf) of each leaf
 */
export function buildMerkleTree(car, tips) {
  const paths = tips.map(() => []);
  let level = tips.map((cid, i) => ({ cid, leaves: [i] }));
  while (level.length > 1) level = nextLevel(car, level, paths);
  return { root: level[0].cid, paths: paths.map((path) => path.join('/')) };
}

function nextLevel(car, level, paths) {
  const next = [];
  for (let i = 0; i < level.length; i += 2) {
    const [left, right] = [level[i], level[i + 1]];
    if (right === undefined) {
      next.push(left);
      continue;
    }
    for (const leaf of left.leaves) paths[leaf].unshift('0');
    for (const leaf of right.leaves) paths[leaf].unshift('1');
    next.push({ cid: car.put([left.cid, right.cid]), leaves: [...left.leaves, ...right.leaves] });
  }
  return next;
}

/** Copies into `witness` the inner nodes that lead from `root` along `path`. */
export function copyPath(witness, tree, root, path) {
  let cid = root;
  for (const segment of path.split('/').filter(Boolean)) {
    witness.blocks.put(tree.blocks.get(cid));
    cid = tree.get(cid)[Number(segment)];
  }
}
