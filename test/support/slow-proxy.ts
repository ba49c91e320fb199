import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** An RPC endpoint that answers as `target` does, but late: whoever uses it comes last. */
export async function slowProxy(target: string, delayMs: number): Promise<{ url: string; stop(): void }> {
  const answer = async (body: string): Promise<string> => {
    await delay(delayMs);
    const headers = { 'content-type': 'application/json' };
    return (await fetch(target, { method: 'POST', body, headers })).text();
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      answer(Buffer.concat(chunks).toString()).then(
        (text) => response.setHeader('content-type', 'application/json').end(text),
        () => response.destroy(),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
