/**
 * Where the log's files lie, by their C2SP paths: full tiles and bundles, which never change, and beside them the newest
 * checkpoint with its partial tiles. An implementation MUST answer `put` only when the bytes are durable and whole under
 * that path: a reader sees the old bytes or the new ones, never a part. All of it can be made again from the database.
 * @throws Error of any kind; the exporter tries again
 */
export interface TileStorage {
  /** Names this place in the database: a folder's path, a bucket's URL. Another place is filled from the beginning. */
  readonly name: string;
  put(path: string, bytes: Uint8Array): Promise<void>;
  /** Undefined if there is nothing. The memory is the caller's alone. */
  get(path: string): Promise<Uint8Array | undefined>;
  /** Removes these; what is not there does not matter. */
  remove(paths: readonly string[]): Promise<void>;
}
