import { randomBytes, generateKeyPairSync } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts';
import { freePort } from './service.js';

/** Every port that a devnet listens on. */
export interface DevnetPorts {
  postgres: number;
  anvil: number;
  ceramic: number;
  /** Two that hold the copies of a dataset, and a spare. */
  providers: [number, number, number];
  log: number;
  api: number;
  worker: number;
  keyNodes: [number, number, number];
  witnesses: [number, number, number];
}

/** Where a devnet keeps its state. One folder holds it all; two devnets in two folders do not meet. */
export interface DevnetLayout {
  dir: string;
  logs: string;
  networkFile: string;
  /** Path of a key file; it exists once `devnetKeys` ran. */
  keyFile(name: string): string;
}

export function devnetLayout(dir: string): DevnetLayout {
  const layout = {
    dir,
    logs: path.join(dir, 'logs'),
    networkFile: path.join(dir, 'network.json'),
    keyFile: (name: string) => path.join(dir, 'keys', name),
  };
  mkdirSync(layout.logs, { recursive: true });
  mkdirSync(path.join(dir, 'keys'), { recursive: true, mode: 0o700 });
  return layout;
}

/**
 * The ports of a devnet: free ones at its first start, the same ones ever after, because the chain remembers the
 * addresses of providers and key nodes.
 */
export async function devnetPorts(layout: DevnetLayout): Promise<DevnetPorts> {
  const file = path.join(layout.dir, 'ports.json');
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as DevnetPorts;
  const taken = new Set<number>();
  const next = async (): Promise<number> => {
    const port = await freePort();
    if (taken.has(port)) return next();
    taken.add(port);
    return port;
  };
  const ports: DevnetPorts = {
    postgres: await next(),
    anvil: await next(),
    ceramic: await next(),
    providers: [await next(), await next(), await next()],
    log: await next(),
    api: await next(),
    worker: await next(),
    keyNodes: [await next(), await next(), await next()],
    witnesses: [await next(), await next(), await next()],
  };
  writeFileSync(file, JSON.stringify(ports));
  return ports;
}

/** Storage providers: folders and keys have these names. */
export const PROVIDERS = ['provider', 'provider-2', 'provider-3'] as const;

/** Names of the secp256k1 keys of a devnet: one key a purpose. */
export const ACCOUNTS = [
  'deployer',
  'treasury',
  'operator',
  'recorder',
  ...PROVIDERS,
  'key-node-1',
  'key-node-2',
  'key-node-3',
  'seller',
  'buyer',
] as const;
export type AccountName = (typeof ACCOUNTS)[number];

export type DevnetAccounts = Record<AccountName, PrivateKeyAccount>;

/** Makes what keys are missing (0600) and returns the accounts. */
export function devnetKeys(layout: DevnetLayout): DevnetAccounts {
  const accounts = {} as DevnetAccounts;
  for (const name of ACCOUNTS) {
    const text = secretFile(layout.keyFile(name), () => `0x${randomBytes(32).toString('hex')}\n`);
    accounts[name] = privateKeyToAccount(text.trim() as `0x${string}`);
  }
  for (const seed of ['worker-seed', 'relay-seed', 'log-add-token']) {
    secretFile(layout.keyFile(seed), () => `${randomBytes(32).toString('hex')}\n`);
  }
  secretFile(layout.keyFile('log-ed25519.pem'), () =>
    generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  );
  return accounts;
}

function secretFile(file: string, make: () => string): string {
  if (!existsSync(file)) {
    writeFileSync(file, make(), { mode: 0o600 });
    chmodSync(file, 0o600);
  }
  return readFileSync(file, 'utf8');
}
