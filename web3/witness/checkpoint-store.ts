import { existsSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { WeighbridgeError } from '../../src/kernel/index.js';

/** The newest checkpoint of one log that this witness cosigned. */
export interface Witnessed {
  size: number;
  /** 32 bytes. */
  root: Uint8Array;
  /** The note as it came, with the log's signatures: proof that the log signed this. */
  note: string;
  /** Time of the newest cosignature, Unix seconds. It never goes back, whatever the clock does. */
  timeS: number;
}

const SCHEMA = `
  CREATE TABLE witness (vkey TEXT NOT NULL) STRICT;
  CREATE TABLE checkpoints (
    origin TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    root BLOB NOT NULL CHECK (length(root) = 32),
    note TEXT NOT NULL,
    time_s INTEGER NOT NULL
  ) STRICT;`;

/**
 * What a witness must never forget, in one SQLite file. A witness that forgot could cosign a second history, so a file
 * that is missing stops the start: it is made once, with the key (`init`).
 */
export class CheckpointStore {
  readonly #db: DatabaseSync;
  readonly #select: StatementSync;
  readonly #upsert: StatementSync;

  private constructor(db: DatabaseSync) {
    this.#db = db;
    this.#select = db.prepare('SELECT size, root, note, time_s FROM checkpoints WHERE origin = ?');
    this.#upsert = db.prepare(
      `INSERT INTO checkpoints (origin, size, root, note, time_s) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root, note = excluded.note,
       time_s = excluded.time_s`,
    );
  }

  /** Makes the file, empty and for this key. */
  static create(file: string, vkey: string): void {
    const db = connect(file);
    db.exec(`BEGIN IMMEDIATE; ${SCHEMA}`);
    db.prepare('INSERT INTO witness (vkey) VALUES (?)').run(vkey);
    db.exec('COMMIT');
    db.close();
  }

  /** @throws WeighbridgeError CONFIG_INVALID if there is none, it is another key's, or another process has it */
  static open(file: string, vkey: string): CheckpointStore {
    if (!existsSync(file)) throw unusable('there is no such file', 'Run the program once with the argument "init".');
    let owner: unknown;
    let store: CheckpointStore;
    try {
      const db = connect(file);
      owner = db.prepare('SELECT vkey FROM witness').get()?.vkey;
      store = new CheckpointStore(db);
    } catch (cause) {
      const next = 'Stop the other process that has it; if there is none, the file is damaged: retire this witness.';
      throw unusable(cause instanceof Error ? cause.message : 'it cannot be opened', next, cause);
    }
    if (owner === vkey) return store;
    store.close();
    throw unusable('it belongs to another key', 'Use this key’s own file; what one key cosigned, another cannot know.');
  }

  latest(origin: string): Witnessed | undefined {
    const row = this.#select.get(origin);
    if (row === undefined) return undefined;
    const { size, root, note, time_s } = row as { size: number; root: Uint8Array; note: string; time_s: number };
    return { size, root, note, timeS: time_s };
  }

  /**
   * Checks and persists in one transaction (C2SP tlog-witness: a witness that did these apart could be rolled back by two
   * requests at once). Durable when it returns; if `next` throws, nothing has changed.
   */
  update(origin: string, next: (latest: Witnessed | undefined) => Witnessed): Witnessed {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      const witnessed = next(this.latest(origin));
      this.#upsert.run(origin, witnessed.size, witnessed.root, witnessed.note, witnessed.timeS);
      this.#db.exec('COMMIT');
      return witnessed;
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  close(): void {
    this.#db.close();
  }
}

/** Exclusive: a second process on the same file cannot even read it. The lock ends with the process, however it ends. */
function connect(file: string): DatabaseSync {
  const db = new DatabaseSync(file);
  db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  return db;
}

function unusable(reason: string, next: string, cause?: unknown): WeighbridgeError {
  return new WeighbridgeError('CONFIG_INVALID', `WITNESS_STATE_FILE is not usable: ${reason}`, { next, cause });
}
