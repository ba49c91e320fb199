import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { PieceFiles, ReceivedPiece } from './piece-files.js';
import { Refusal } from './refusal.js';

const MAX_SESSIONS = 1_000;
/** A session that nothing was heard of for so long is forgotten, and its bytes with it. */
const IDLE_MS = 60 * 60_000;

interface Session {
  state: 'open' | 'receiving' | 'received';
  /** The piece that was announced; unset where the CID comes last. */
  announced: string | undefined;
  piece: ReceivedPiece | undefined;
  touchedMs: number;
}

/**
 * Uploads under way. They live in memory: a provider that restarts forgets them, the client begins anew, and a piece that
 * was finished is found by its CID.
 */
export class Uploads {
  private readonly sessions = new Map<string, Session>();

  constructor(private readonly files: PieceFiles) {}

  /** @throws Refusal 503 when too many uploads are open, 507 when there is no room */
  async open(announced?: string): Promise<string> {
    await this.forgetIdle();
    await this.files.requireRoom();
    if (this.sessions.size >= MAX_SESSIONS) throw new Refusal(503, 'too many uploads are open');
    const id = randomUUID();
    this.sessions.set(id, { state: 'open', announced, piece: undefined, touchedMs: Date.now() });
    return id;
  }

  /** Takes the bytes of a session. If they fail, the session is open again. @throws Refusal 404, 409, and those of `receive` */
  async receive(id: string, body: Readable): Promise<void> {
    const session = this.find(id);
    if (session.state !== 'open') throw new Refusal(409, 'this upload has its bytes already');
    session.state = 'receiving';
    try {
      session.piece = await this.files.receive(id, body);
      session.state = 'received';
    } catch (error) {
      session.state = 'open';
      throw error;
    } finally {
      session.touchedMs = Date.now();
    }
    if (session.announced !== undefined) await this.finish(id, session.announced);
  }

  /**
   * Keeps the piece under its CID and ends the session.
   * @throws Refusal 404 without bytes, 400 if they are another piece: they are thrown away then
   */
  async finish(id: string, pieceCid: string): Promise<void> {
    const session = this.find(id);
    const { piece } = session;
    if (piece === undefined) throw new Refusal(404, 'this upload has no bytes yet');
    this.sessions.delete(id);
    if (piece.pieceCid !== pieceCid) {
      await this.files.drop(piece);
      throw new Refusal(400, `piece CID mismatch: the bytes are ${piece.pieceCid}`);
    }
    await this.files.keep(piece);
  }

  private find(id: string): Session {
    const session = this.sessions.get(id);
    if (session === undefined) throw new Refusal(404, 'no such upload');
    return session;
  }

  private async forgetIdle(): Promise<void> {
    const limitMs = Date.now() - IDLE_MS;
    for (const [id, { state, touchedMs, piece }] of this.sessions) {
      if (state === 'receiving' || touchedMs > limitMs) continue;
      this.sessions.delete(id);
      if (piece !== undefined) await this.files.drop(piece);
    }
  }
}
