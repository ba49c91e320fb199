import { createServer, type Server } from 'node:http';
import { once } from 'node:events';

export type Fault = 'none' | 'request-lost' | 'answer-lost';

/**
 * Stands between an adapter and a chain's node, and loses what `fault` says: a request before it reached the node, or
 * the node's answer to a request that it carried out.
 */
export async function startRpcProxy(rpcUrl: string, fault: (method: string) => Fault) {
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      const { method } = JSON.parse(body) as { method: string };
      const what = fault(method);
      if (what === 'request-lost') return void response.destroy();
      void (async () => {
        const answer = await fetch(rpcUrl, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
        const text = await answer.text();
        if (what === 'answer-lost') response.destroy();
        else response.setHeader('content-type', 'application/json').end(text);
      })();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  return {
    rpcUrl: `http://127.0.0.1:${address.port}`,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
