import type { Connection, Submittable } from 'pg';
import { Deferred } from './deferred.js';

/** Query, CopyData and CopyDone of the PostgreSQL protocol. */
const [QUERY, COPY_DATA, COPY_DONE] = [0x51, 0x64, 0x63] as const;

/**
 * Statements with the data of their COPYs behind them, in one write and one round trip: the server reads on by itself, and
 * drops the data if a statement fails (PostgreSQL protocol, "COPY Operations"). The usual stream first waits for the server
 * to ask, which on a busy machine costs a batch more than its data does.
 */
export class CopyIn implements Submittable {
  private readonly done = new Deferred<void>();

  /**
   * @param sql - simple statements; as many `COPY ... FROM STDIN BINARY` as there are `copies`, in their order
   * @param copies - binary COPY data, header and trailer included
   */
  constructor(
    private readonly sql: string,
    private readonly copies: readonly Buffer[],
  ) {}

  /** Resolves when the server has done all of it. */
  async completed(): Promise<void> {
    return this.done.promise;
  }

  submit(connection: Connection): void {
    const { stream } = connection;
    stream.cork();
    stream.write(message(QUERY, Buffer.byteLength(this.sql) + 1));
    stream.write(`${this.sql}\0`);
    for (const data of this.copies) {
      stream.write(message(COPY_DATA, data.length));
      stream.write(data);
      stream.write(message(COPY_DONE, 0));
    }
    stream.uncork();
  }

  /** Replaced by `pg` when it has a time limit, and called at the end, to stop its clock. */
  callback(): void {
    // Nothing to stop.
  }

  handleError(error: Error): void {
    this.callback();
    this.done.reject(error);
  }

  handleReadyForQuery(): void {
    this.callback();
    this.done.resolve();
  }

  /** The data is on its way already. */
  handleCopyInResponse(): void {
    // Nothing to send.
  }

  handleCommandComplete(): void {
    // The last one is followed by ReadyForQuery.
  }

  handleRowDescription(): void {
    // Statements here answer no rows that anybody reads.
  }

  handleDataRow(): void {
    // As above.
  }
}

/** A message's type and length; the length counts itself. */
function message(type: number, bytes: number): Buffer {
  const head = Buffer.allocUnsafe(5);
  head[0] = type;
  head.writeInt32BE(bytes + 4, 1);
  return head;
}
