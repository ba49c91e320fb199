import path from 'node:path';
import type { Command } from 'commander';
import type { Bytes32, Network } from '../kernel/index.js';
import type { MarketApi } from './api/market-api.js';
import type { Account, Adapters } from './ports.js';
import type { StateDir } from './state/state-dir.js';
import type { Io } from './ui/io.js';
import { createUi, type Ui } from './ui/ui.js';

/** Options of every command. */
export interface GlobalOptions {
  network?: string;
  keyFile?: string;
  json?: boolean;
}

/** What a command works with. Each part is made when it is first asked for. */
export interface Cli {
  readonly ui: Ui;
  readonly adapters: Adapters;
  readonly state: StateDir;
  networkFile(): string;
  network(): Promise<Network>;
  account(): Promise<Account>;
  /** The account as the records of one dataset version know it. */
  pseudonym(keyId: Bytes32): Promise<Account>;
  api(): Promise<MarketApi>;
}

/** Runs a command's work with its surroundings. */
export type Run = (command: Command, work: (cli: Cli) => Promise<void>) => Promise<void>;

/** Modules are imported here on first use, because `--help` needs none of them and some take a second to load. */
export async function createCli(io: Io, options: GlobalOptions, adapters: Adapters): Promise<Cli> {
  const { findStateDir } = await import('./state/state-dir.js');
  const { findNetworkFile, readNetworkFile } = await import('./state/network-file.js');
  const ui = createUi(io, options.json === true);
  const networkFile = (): string => findNetworkFile(options.network, io.cwd, io.env);
  const network = once(async () => readNetworkFile(path.resolve(io.cwd, networkFile())));
  const key = once(async () => {
    const { readKeyFile } = await import('./state/key-file.js');
    const named = options.keyFile ?? io.env['WEIGHBRIDGE_KEY_FILE'];
    const read = await readKeyFile(named === undefined ? undefined : path.resolve(io.cwd, named));
    if (read.warning !== undefined) ui.warn(read.warning);
    return read;
  });
  const account = async (): Promise<Account> => (await key()).account;
  return {
    ui,
    adapters,
    state: findStateDir(io.cwd, io.env),
    networkFile,
    network,
    account,
    pseudonym: async (keyId) => (await key()).pseudonym(keyId),
    api: once(async () => {
      const { createMarketApi } = await import('./api/market-api.js');
      return createMarketApi(await network(), account);
    }),
  };
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return async () => (made ??= make());
}
