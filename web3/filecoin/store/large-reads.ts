import { Agent as HttpAgent, type ClientRequestArgs } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { OnReadOpts, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { release } from '../../../src/kernel/index.js';

/** What Node takes from a connection at a time is 64 KiB, each in new memory. That costs as much as to hash them. */
const READ_BYTES = 1 << 19;

interface HowToRead {
  onread: OnReadOpts;
  highWaterMark: number;
}
type Opened = (error: Error | null, stream: Duplex) => void;

class LargeReads extends HttpAgent {
  override createConnection(options: ClientRequestArgs, opened?: Opened): Duplex | null | undefined {
    return readingMuch((how) => super.createConnection({ ...options, ...how }, opened));
  }
}

class LargeTlsReads extends HttpsAgent {
  override createConnection(options: ClientRequestArgs, opened?: Opened): Duplex | null | undefined {
    return readingMuch((how) => super.createConnection({ ...options, ...how }, opened));
  }
}

/** Connections that wait for the next range, each with its memory. To columns that lie apart a job sends some hundred requests. */
const KEPT = { keepAlive: true, maxFreeSockets: 8 };

/** Connections for large bodies: they take as much at once as there is, into memory that is used again. */
export const largeReads = { 'http:': new LargeReads(KEPT), 'https:': new LargeTlsReads(KEPT) };

function readingMuch(connect: (how: HowToRead) => Duplex | null | undefined): Socket {
  let memory = Buffer.allocUnsafeSlow(READ_BYTES);
  let socket: Socket | undefined;
  const isTaken = (): boolean => (socket?.readableLength ?? 0) === 0;
  const onread = {
    // The HTTP parser copies what it is shown at once. What it could not take lies in the stream, with its memory.
    buffer: () => {
      if (!isTaken()) memory = Buffer.allocUnsafeSlow(READ_BYTES);
      return memory;
    },
    callback: (length: number, bytes: Uint8Array) => {
      socket?.push(bytes.subarray(0, length));
      return isTaken();
    },
  };
  // Above a mark of 0, the stream would read on while the parser waits for its reader.
  socket = connect({ onread, highWaterMark: 0 }) as Socket; // Node's own agents give one at once
  socket.once('close', () => {
    if (isTaken()) release(memory);
  });
  return socket;
}
