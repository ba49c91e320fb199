import { sameBytes, toHex, WeighbridgeError } from '../../../src/kernel/index.js';
import type { AnchorableCheckpoint, Appended, LogClient, LogEntry } from '../../../src/provenance/index.js';
import { parseEntry } from '../../../src/provenance/index.js';
import { pureHasher } from '../../../src/provenance/verify/rfc6962.js';
import { memoryLog } from '../memory-log.js';

/** A log in memory that keeps the promises of `LogClient`, but that of surviving; it can be told to fail. */
export class FakeLog implements LogClient {
  readonly entries: Uint8Array[] = [];
  /** `lost`: the next append fails and leaves nothing. `errored`: it is kept, but its caller hears of a failure. */
  failNext: 'lost' | 'errored' | undefined;
  down = false;

  async append(entry: Uint8Array): Promise<Appended> {
    const fail = this.failNext;
    this.failNext = undefined;
    if (this.down || fail === 'lost') throw unavailable();
    let index = this.entries.findIndex((known) => sameBytes(known, entry));
    if (index === -1) index = this.entries.push(entry.slice()) - 1;
    if (fail === 'errored') throw unavailable();
    return { index, leafHash: toHex(pureHasher.leaf(entry)) };
  }

  async checkpoint(): Promise<AnchorableCheckpoint> {
    if (this.down) throw unavailable();
    const { head } = memoryLog(this.entries);
    return { size: head.size, root: toHex(head.root), note: 'not signed: a fake', signatures: [] };
  }

  async tile(path: string): Promise<Uint8Array> {
    if (this.down) throw unavailable();
    return memoryLog(this.entries).tile(path);
  }

  /** What it holds of one type, read. */
  ofType<T extends LogEntry['type']>(type: T): Extract<LogEntry, { type: T }>[] {
    const read = this.entries.map((entry) => parseEntry(entry));
    return read.filter((entry): entry is Extract<LogEntry, { type: T }> => entry.type === type);
  }
}

function unavailable(): WeighbridgeError {
  return new WeighbridgeError('LOG_UNAVAILABLE', 'the log does not answer', { next: 'Try again.', retryable: true });
}
