import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { open, rm, stat, statfs, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { release } from '../../../src/kernel/index.js';
import { MAX_PIECE_BYTES, MIN_PIECE_BYTES } from '../../../src/storage/index.js';
import { parsePieceCid, type PieceCid } from '../piece-cid.js';
import type { FollowingHash } from '../store/file-hash.js';
import { hashInThread } from '../store/hash-in-thread.js';
import { arriving } from './arriving.js';
import { publishFile, syncDirectory, writeAll } from './durable-files.js';
import { asDiskFull, NO_ROOM, Refusal } from './refusal.js';

/** Room that is kept free: the journal of transactions must never be the first to feel a full disk. */
const RESERVE_BYTES = 64 << 20;

/** A piece that arrived and was hashed, under no name yet. */
export interface ReceivedPiece {
  file: string;
  pieceCid: string;
  sizeBytes: number;
}

/** Pieces on disk, each in a file that is named by its CID; a file is there whole and synced, or not at all. */
export class PieceFiles {
  private readonly pieces: string;
  private readonly incoming: string;
  private readonly hashing = hashInThread();
  private usedBytes: number;

  constructor(
    dir: string,
    private readonly capacityBytes: number,
  ) {
    this.pieces = path.join(dir, 'pieces');
    this.incoming = path.join(dir, 'incoming');
    // What was arriving when the process ended cannot be finished: its hash state is gone.
    rmSync(this.incoming, { recursive: true, force: true });
    for (const folder of [this.pieces, this.incoming]) mkdirSync(folder, { recursive: true });
    this.usedBytes = readdirSync(this.pieces).reduce(
      (sum, name) => sum + statSync(path.join(this.pieces, name)).size,
      0,
    );
  }

  /** @throws Refusal 400 for a text that is no piece CID */
  async find(pieceCid: string): Promise<{ file: string; sizeBytes: number } | undefined> {
    const file = this.pathOf(pieceCid);
    const found = await stat(file).catch(() => undefined);
    return found && { file, sizeBytes: found.size };
  }

  /** @throws Refusal 507 when there is no room at all: said before a client sends anything */
  async requireRoom(): Promise<void> {
    const { bavail, bsize } = await statfs(this.pieces);
    if (this.usedBytes >= this.capacityBytes || bavail * bsize < RESERVE_BYTES) throw new Refusal(507, NO_ROOM);
  }

  /**
   * Writes a stream to disk, hashing it on the way, and syncs it.
   * @throws Refusal 413 above the largest piece, 400 below the smallest, 507 when there is no room
   */
  async receive(id: string, body: Readable): Promise<ReceivedPiece> {
    const file = path.join(this.incoming, id);
    const arrived = { bytes: 0 };
    const handle = await open(file, 'wx+');
    const hash = this.hashing(handle.fd);
    try {
      await this.fill(handle, hash, arrived, body);
      if (arrived.bytes < MIN_PIECE_BYTES) throw new Refusal(400, `a piece has at least ${MIN_PIECE_BYTES} bytes`);
      const [pieceCid] = await Promise.all([hash.digest(), handle.sync()]);
      return { file, pieceCid, sizeBytes: arrived.bytes };
    } catch (error) {
      await hash.drop();
      await rm(file, { force: true });
      this.usedBytes -= arrived.bytes;
      throw asDiskFull(error);
    } finally {
      await handle.close();
    }
  }

  /** Gives a received piece its name. A repeat of a piece that is there costs nothing and changes nothing. */
  async keep(piece: ReceivedPiece): Promise<void> {
    const there = await this.find(piece.pieceCid);
    if (there === undefined) await publishFile(piece.file, this.pathOf(piece.pieceCid));
    else await this.drop(piece);
  }

  /** Deletes a piece that is stored. A repeat changes nothing. */
  async remove(pieceCid: string): Promise<void> {
    const there = await this.find(pieceCid);
    if (there === undefined) return;
    await rm(there.file, { force: true });
    await syncDirectory(this.pieces);
    this.usedBytes -= there.sizeBytes;
  }

  async drop(piece: ReceivedPiece): Promise<void> {
    await rm(piece.file, { force: true });
    this.usedBytes -= piece.sizeBytes;
  }

  /**
   * On a failure it reads on and throws only at the end of the stream: a client that is still sending when the connection
   * closes learns of a broken pipe, and not of the reason.
   */
  private async fill(
    handle: FileHandle,
    hash: FollowingHash,
    arrived: { bytes: number },
    body: Readable,
  ): Promise<void> {
    let failure: { error: unknown } | undefined;
    let seenBytes = 0;
    const keep = async (parts: Uint8Array[], bytes: number): Promise<void> => {
      if (failure !== undefined) return;
      try {
        if (this.usedBytes + bytes > this.capacityBytes) throw new Refusal(507, NO_ROOM);
        this.usedBytes += bytes;
        arrived.bytes += bytes;
        await writeAll(handle, parts);
        hash.reach(arrived.bytes);
      } catch (error) {
        failure = { error };
      }
    };
    for await (const parts of arriving(body)) {
      const bytes = parts.reduce((sum, { length }) => sum + length, 0);
      seenBytes += bytes;
      if (seenBytes > MAX_PIECE_BYTES) throw new Refusal(413, `a piece has at most ${MAX_PIECE_BYTES} bytes`);
      await keep(parts, bytes);
      for (const part of parts) release(part);
    }
    if (failure !== undefined) throw failure.error;
  }

  private pathOf(pieceCid: string): string {
    return path.join(this.pieces, pieceCidOrRefuse(pieceCid).text);
  }
}

/** @throws Refusal 400 for a text that is no piece CID: it would become a path */
export function pieceCidOrRefuse(text: string): PieceCid {
  const parsed = parsePieceCid(text);
  if (parsed === undefined) throw new Refusal(400, 'not a piece CID of version 2');
  return parsed;
}
