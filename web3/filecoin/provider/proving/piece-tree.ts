import { open } from 'node:fs/promises';
import { BLOCK_HEIGHT, BLOCK_RAW_BYTES, hashLayer, NODE_BYTES, treeHeight, zeroRoot } from '../../commp.js';
import { padFr32, QUAD_PADDED_BYTES, QUAD_RAW_BYTES } from '../../fr32.js';
import type { LeafProof } from '../../possession.js';

const QUAD_LEAVES = QUAD_PADDED_BYTES / NODE_BYTES;

/**
 * The roots of a piece's blocks (2^13 leaves, 254 KiB of its bytes), one after the other: the lowest layer of the tree that is
 * worth keeping. Reads the whole file, once.
 */
export async function blockRootsOf(file: string, sizeBytes: number): Promise<Uint8Array> {
  const height = Math.min(BLOCK_HEIGHT, treeHeight(sizeBytes));
  const blocks = Math.ceil(sizeBytes / BLOCK_RAW_BYTES);
  const roots = new Uint8Array(blocks * NODE_BYTES);
  await withBlocks(file, async (read) => {
    for (let block = 0; block < blocks; block++) {
      const layers = blockLayers(await read(block), height);
      roots.set(layers.at(-1) as Uint8Array, block * NODE_BYTES); // there is always a layer
    }
  });
  return roots;
}

/** The root of a piece by the roots of its blocks. */
export function rootOf(blockRoots: Uint8Array, sizeBytes: number): Uint8Array {
  return upperLayers(blockRoots, treeHeight(sizeBytes)).at(-1) as Uint8Array; // there is always a layer
}

/**
 * Proves one leaf: reads the one block that holds it and takes the rest from the roots that are kept. The block's own root
 * may differ from the kept one, if the disk changed it; the caller verifies what it gets.
 */
export async function proveLeaf(
  file: string,
  sizeBytes: number,
  blockRoots: Uint8Array,
  leafIndex: number,
): Promise<LeafProof> {
  const height = treeHeight(sizeBytes);
  const blockHeight = Math.min(BLOCK_HEIGHT, height);
  const block = Math.floor(leafIndex / 2 ** blockHeight);
  const raw = await withBlocks(file, async (read) => read(block));
  const below = blockLayers(raw, blockHeight);
  const proof: Uint8Array[] = [];
  let index = leafIndex % 2 ** blockHeight;
  const leaf = nodeAt(below[0], index) ?? zeroRoot(0);
  for (let level = 0; level < blockHeight; level++, index = index >>> 1) {
    proof.push(nodeAt(below[level], index ^ 1) ?? zeroRoot(level));
  }
  const above = upperLayers(blockRoots, height);
  index = block;
  for (let level = blockHeight; level < height; level++, index = index >>> 1) {
    proof.push(nodeAt(above[level - blockHeight], index ^ 1) ?? zeroRoot(level));
  }
  return { leaf, proof };
}

/** Layers of the tree over a block's raw bytes, leaves first. Missing bytes are zeros. */
function blockLayers(raw: Uint8Array, height: number): Uint8Array[] {
  const leaves = 2 ** height;
  const quads = leaves / QUAD_LEAVES;
  const padded = new Uint8Array(quads * QUAD_RAW_BYTES);
  padded.set(raw.subarray(0, padded.length));
  const layers = [new Uint8Array(leaves * NODE_BYTES)];
  padFr32(padded, layers[0] as Uint8Array, quads); // just put there
  return climb(layers, 0, height);
}

/** Layers from the roots of the blocks to the root of the piece. */
function upperLayers(blockRoots: Uint8Array, height: number): Uint8Array[] {
  return climb([blockRoots], Math.min(BLOCK_HEIGHT, height), height);
}

/** Adds layers up to `height`; a node without a neighbour is paired with the root over zeros of its height. */
function climb(layers: Uint8Array[], from: number, height: number): Uint8Array[] {
  for (let level = from; level < height; level++) {
    let nodes = layers.at(-1) as Uint8Array; // starts with one
    if ((nodes.length / NODE_BYTES) % 2 === 1) nodes = Buffer.concat([nodes, zeroRoot(level)]);
    const parents = new Uint8Array(nodes.length / 2);
    hashLayer(nodes, parents);
    layers.push(parents);
  }
  return layers;
}

function nodeAt(layer: Uint8Array | undefined, index: number): Uint8Array | undefined {
  const node = layer?.slice(index * NODE_BYTES, (index + 1) * NODE_BYTES);
  return node?.length === NODE_BYTES ? node : undefined;
}

async function withBlocks<T>(file: string, run: (read: (block: number) => Promise<Uint8Array>) => Promise<T>) {
  const handle = await open(file, 'r');
  const buffer = new Uint8Array(BLOCK_RAW_BYTES);
  try {
    return await run(async (block) => {
      const { bytesRead } = await handle.read(buffer, 0, BLOCK_RAW_BYTES, block * BLOCK_RAW_BYTES);
      return buffer.subarray(0, bytesRead);
    });
  } finally {
    await handle.close();
  }
}
