import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Network } from '../../src/kernel/index.js';
import { startAnvil } from './anvil.js';
import { startCeramic } from './ceramic.js';
import type { ProvingPeriods } from './deploy-foc.js';
import { startKeyNodes, type KeyNodes } from './key-nodes.js';
import { devnetNetwork } from './network.js';
import {
  devnetKeys,
  devnetLayout,
  devnetPorts,
  PROVIDERS,
  type DevnetAccounts,
  type DevnetLayout,
  type DevnetPorts,
} from './layout.js';
import { deployDatabase, startPostgres } from './postgres.js';
import { startProvider, type ProviderService } from './provider.js';
import { startApi, startLog, startWorker, type RoleContext } from './roles.js';
import type { ChildService, Service } from './service.js';
import { startWitnesses, witnessPlaces, type Witnesses } from './witnesses.js';

export interface Devnet extends Service {
  layout: DevnetLayout;
  network: Network;
  accounts: DevnetAccounts;
  ports: DevnetPorts;
  databaseUrl: string;
  /** Processes that tests kill and start again, by name. */
  roles: { log: ChildService; api: ChildService; worker: ChildService };
  /** In the order of their ids, from 1. */
  providers: ProviderService[];
  keyNodes: KeyNodes;
  witnesses: Witnesses;
  context: RoleContext;
}

export interface DevnetOptions {
  dir: string;
  /** Compiled code, `dist`. */
  distDir: string;
  /** Told as each service is up, for people who wait. */
  onStep?: (name: string, ms: number) => void;
  /** Added to the environment of log, API and worker. */
  env?: NodeJS.ProcessEnv;
  /** How often copies are proven, if not once a minute; of a devnet that is made. */
  proving?: ProvingPeriods;
}

/**
 * Every network that production finds elsewhere, on this machine, in one folder: database, chain with the contracts,
 * storage providers, key nodes, Ceramic, witnesses, log, API and worker. A second start in the same folder finds all state
 * again.
 */
export async function startDevnet(options: DevnetOptions): Promise<Devnet> {
  const layout = devnetLayout(options.dir);
  const ports = await devnetPorts(layout);
  const accounts = devnetKeys(layout);
  const started: Service[] = [];
  const stop = async (): Promise<void> => {
    for (const service of started.splice(0).toReversed()) await service.stop();
  };
  const step = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const from = Date.now();
    const result = await work();
    options.onStep?.(name, Date.now() - from);
    return result;
  };
  const up = async <T extends Service>(name: string, start: () => Promise<T>): Promise<T> => {
    const service = await step(name, start);
    started.push(service);
    return service;
  };
  try {
    const starting = {
      postgres: up('database', () => startPostgres(sub(layout, 'postgres'), ports.postgres)),
      anvil: up('chain', () => startAnvil({ dir: sub(layout, 'anvil'), port: ports.anvil })),
      ceramic: up('Ceramic', () => startCeramic({ dir: sub(layout, 'ceramic'), port: ports.ceramic })),
    };
    const ceramicUrl = async (): Promise<string> => (await starting.ceramic).url;
    const [databaseUrl, network] = await together([
      starting.postgres.then(async (postgres) => {
        const url = postgres.url('weighbridge');
        await step('tables', () => deployDatabase(url));
        return url;
      }),
      starting.anvil.then(async ({ rpcUrl }) =>
        step('contracts', () =>
          devnetNetwork({ layout, ports, accounts, rpcUrl, ceramicUrl, proving: options.proving }),
        ),
      ),
      starting.ceramic,
    ]);
    const { distDir, env = {} } = options;
    const context: RoleContext = { layout, ports, databaseUrl, distDir, env };
    const roles = {} as Devnet['roles'];
    const providers: ProviderService[] = [];
    // As with roles: tests put others in their places.
    started.push({ stop: async () => void (await Promise.all(providers.map(async (provider) => provider.stop()))) });
    const role = async (name: keyof Devnet['roles'], start: typeof startLog): Promise<void> => {
      roles[name] = await step(name, () => start(context));
      // Tests put another process in its place: whichever stands there is stopped.
      started.push({ stop: () => roles[name].stop() });
    };
    const [keyNodes, witnesses] = await together([
      up('key nodes', () => startKeyNodes({ layout, ports, distDir })),
      up('witnesses', () => startWitnesses(witnessPlaces(layout, ports), { distDir, logDir: layout.logs })),
      step('storage providers', () => startProviders(layout, ports, accounts, providers)),
      role('log', startLog).then(async () => together([role('api', startApi), role('worker', startWorker)])),
    ]);
    return { layout, network, accounts, ports, databaseUrl, roles, providers, keyNodes, witnesses, context, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** All at once; who registers first has the first id. */
async function startProviders(
  layout: DevnetLayout,
  ports: DevnetPorts,
  { deployer }: DevnetAccounts,
  started: ProviderService[],
): Promise<void> {
  await together(
    PROVIDERS.map(async (name, i) => {
      const options = { port: ports.providers[i] ?? 0, networkFile: layout.networkFile, deployer };
      started.push(await startProvider({ ...options, dir: sub(layout, name), providerKeyFile: layout.keyFile(name) }));
    }),
  );
  started.sort((a, b) => a.id - b.id);
}

/** All of them, or the first failure once the others have settled, so that none starts after everything was stopped. */
async function together<T extends readonly unknown[] | []>(
  tasks: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(tasks);
  return Promise.all(tasks);
}

function sub(layout: DevnetLayout, name: string): string {
  const dir = path.join(layout.dir, name);
  mkdirSync(dir, { recursive: true });
  return dir;
}
