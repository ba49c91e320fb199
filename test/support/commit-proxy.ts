import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Service } from '../../web3/devnet/service.js';

export type CommitFault = 'lost' | 'persisted';

export interface CommitProxy extends Service {
  port: number;
  /**
   * What happens to the next COMMIT that passes: `lost` cuts the connection before the server sees it, `persisted` after the
   * server has done it and before its answer comes back. Undefined again once it happened.
   */
  next: CommitFault | undefined;
  /** From now on nothing passes in either direction, and no connection ends: what a cut cable looks like. */
  silent: boolean;
}

/** How a simple query ends that commits, alone or behind other statements. */
const COMMIT = Buffer.from('COMMIT\0', 'latin1');

/** Stands between a client and PostgreSQL, and breaks a COMMIT in either of the two ways in which the wire can. */
export async function startCommitProxy(postgresPort: number): Promise<CommitProxy> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connect({ port: postgresPort, host: '127.0.0.1', allowHalfOpen: true });
    const cut = (): void => {
      if (proxy.silent) return;
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true).on('error', cut).on('end', cut).on('close', cut);
    }
    client.on('data', (data) => {
      if (proxy.silent) return;
      const fault = data.includes(COMMIT) ? proxy.next : undefined;
      if (fault !== undefined) proxy.next = undefined;
      if (fault === 'lost') return cut();
      // The answer to COMMIT is the next thing that the server says.
      if (fault === 'persisted') upstream.removeAllListeners('data').once('data', cut);
      upstream.write(data);
    });
    upstream.on('data', (data) => void (proxy.silent || client.write(data)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: CommitProxy = {
    port: (server.address() as AddressInfo).port,
    next: undefined,
    silent: false,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}
