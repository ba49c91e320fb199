import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface CuttingProxy {
  url: string;
  /** From now on the first reader of a part of a piece gets one block of it, and then `cut` is called. */
  arm(cut: () => void): void;
  /** Bytes that the reader asked for, and what it got of them; undefined until then. */
  cutAt(): { askedBytes: number; sentBytes: number } | undefined;
  stop(): void;
}

/** Stands in front of a storage provider and passes on what is asked and answered, until it is to be cut in the middle. */
export async function cuttingProxy(target: string): Promise<CuttingProxy> {
  let cut: (() => void) | undefined;
  let seen: { askedBytes: number; sentBytes: number } | undefined;
  const server = createServer((request, response) => {
    const { method, headers, url = '/' } = request;
    const upstream = httpRequest(new URL(url, target), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      const end = cut;
      if (end === undefined || headers.range === undefined || !url.startsWith('/piece/')) return answer.pipe(response);
      cut = undefined;
      answer.once('data', (block: Buffer) => {
        seen = { askedBytes: Number(answer.headers['content-length']), sentBytes: block.length };
        response.write(block, () => {
          end();
          response.destroy();
        });
      });
      return response;
    });
    upstream.on('error', () => response.destroy());
    request.pipe(upstream);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    arm: (end) => void (cut = end),
    cutAt: () => seen,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
