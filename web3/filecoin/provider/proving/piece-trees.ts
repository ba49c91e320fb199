import { mkdirSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import type { PieceCid } from '../../piece-cid.js';
import { writeDurably } from '../durable-files.js';
import type { PieceFiles } from '../piece-files.js';
import { verifyLeaf, type LeafProof } from '../../possession.js';
import { blockRootsOf, proveLeaf, rootOf } from './piece-tree.js';

/** The bytes of a piece are not here, or are others: it cannot be proven. */
export class PieceLost extends Error {}

/**
 * Trees of the pieces on disk. The roots of a piece's blocks are kept beside it, 32 bytes for each 254 KiB: the first proof reads
 * the piece, every later one a block of it.
 */
export class PieceTrees {
  private readonly dir: string;

  constructor(
    dir: string,
    private readonly files: PieceFiles,
  ) {
    this.dir = path.join(dir, 'trees');
    mkdirSync(this.dir, { recursive: true });
  }

  /** A proof that verifies. @throws PieceLost if the bytes on disk do not give one */
  async prove(piece: PieceCid, leafIndex: number): Promise<LeafProof> {
    const found = await this.files.find(piece.text);
    if (found === undefined) throw new PieceLost(`piece ${piece.text} is not here`);
    if (found.sizeBytes !== piece.sizeBytes) throw new PieceLost(`piece ${piece.text} has ${found.sizeBytes} bytes`);
    const roots = (await this.kept(piece)) ?? (await this.build(piece, found.file));
    const proof = await proveLeaf(found.file, piece.sizeBytes, roots, leafIndex);
    // A proof that fails costs gas and proves nothing: see it here first.
    if (!verifyLeaf(piece, leafIndex, proof)) throw new PieceLost(`piece ${piece.text} is damaged`);
    return proof;
  }

  async forget(pieceCid: string): Promise<void> {
    await rm(this.pathOf(pieceCid), { force: true });
  }

  /** What was kept, unless it was damaged: it must hash to the piece's own root. */
  private async kept(piece: PieceCid): Promise<Uint8Array | undefined> {
    const roots = await readFile(this.pathOf(piece.text)).catch(() => undefined);
    return roots !== undefined && belongs(roots, piece) ? roots : undefined;
  }

  private async build(piece: PieceCid, file: string): Promise<Uint8Array> {
    const roots = await blockRootsOf(file, piece.sizeBytes);
    if (!belongs(roots, piece)) throw new PieceLost(`piece ${piece.text} is damaged`);
    await writeDurably(this.pathOf(piece.text), roots);
    return roots;
  }

  private pathOf(pieceCid: string): string {
    return path.join(this.dir, pieceCid);
  }
}

function belongs(roots: Uint8Array, piece: PieceCid): boolean {
  return roots.length > 0 && Buffer.compare(rootOf(roots, piece.sizeBytes), piece.root) === 0;
}
