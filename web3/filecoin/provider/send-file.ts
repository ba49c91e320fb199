import { open } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { release } from '../../../src/kernel/index.js';

const BLOCK_BYTES = 1 << 20;

/**
 * Sends bytes of a file as a body, no faster than they are taken, through one block of memory. The head is sent already, so that
 * a fault can only be told by closing the connection. Resolves also then: a client that left is no fault of the provider.
 */
export async function sendFile(response: ServerResponse, file: string, start: number, end: number): Promise<void> {
  try {
    const handle = await open(file, 'r');
    const block = Buffer.allocUnsafeSlow(Math.min(BLOCK_BYTES, end + 1 - start));
    try {
      for (let at = start; at <= end;) {
        const { bytesRead } = await handle.read(block, 0, Math.min(block.length, end + 1 - at), at);
        if (bytesRead === 0) throw new Error('the file ended early');
        await taken(response, block.subarray(0, bytesRead));
        at += bytesRead;
      }
    } finally {
      await handle.close();
      release(block); // left to the garbage collector, it takes as long as sending
    }
    response.end();
  } catch {
    response.destroy();
  }
}

/** Resolves once the system has the bytes, and their memory may be used again. */
async function taken(response: ServerResponse, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    response.once('close', reject); // a write to a closed connection is never called back
    response.write(bytes, (error) => {
      response.off('close', reject);
      if (error == null) resolve();
      else reject(error);
    });
  });
}
