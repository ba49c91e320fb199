import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import type { LocalAccount } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { expect } from 'vitest';
import { toHex, type Address } from '../../src/kernel/index.js';
import { readEntries, verifyCheckpoint, type Appended, type LogClient } from '../../src/provenance/index.js';
import { nodeHasher } from '../../src/provenance/log/node-hasher.js';
import { DEVNET_CHAIN_ID, startAnvil, type Anvil } from '../../web3/devnet/anvil.js';
import { deployContracts } from '../../web3/devnet/deploy.js';
import { startTestPostgres } from './postgres.js';
import { freePort, type Service } from '../../web3/devnet/service.js';
import { testLog, wellFormedEntry, type TestLog } from './log-process.js';

/** A PostgreSQL and a chain, on which a test has as many logs as it likes, each with a database of its own. */
export interface LogNet extends Service {
  dir: string;
  postgresPort: number;
  anvil: Anvil;
  deployer: LocalAccount;
  /** Connection string of a database on the shared server. */
  url(database: string): string;
  newDatabase(name: string): Promise<string>;
  /** Its LogAnchor is one that all logs share and none anchors on. */
  newLog(): Promise<{ log: TestLog; databaseUrl: string }>;
}

export async function startLogNet(): Promise<LogNet> {
  const dir = mkdtempSync(path.join(tmpdir(), 'weighbridge-log-'));
  const postgresPort = await freePort();
  const postgres = await startTestPostgres(path.join(dir, 'pg'), postgresPort);
  const anvil = await startAnvil({ dir: path.join(dir, 'anvil'), port: await freePort(), blockTimeSeconds: 0 });
  const deployer = privateKeyToAccount(generatePrivateKey());
  const deploy = async (log: TestLog): Promise<Address> => {
    const { logAnchor } = await deployContracts({
      rpcUrl: anvil.rpcUrl,
      deployer,
      anchorSigners: [deployer.address],
      quorum: 1,
      logOrigin: log.origin,
      treasury: deployer.address,
      protocolFeeBps: 0,
    });
    return logAnchor;
  };
  let shared: Promise<Address> | undefined;
  let made = 0;
  const net: LogNet = {
    dir,
    postgresPort,
    anvil,
    deployer,
    url: (database) => postgres.url(database),
    async newDatabase(name) {
      await query(postgres.url('postgres'), `CREATE DATABASE ${name}`);
      return postgres.url(name);
    },
    async newLog() {
      const name = `log_${++made}`;
      const databaseUrl = await net.newDatabase(name);
      const log = testLog(path.join(dir, name));
      shared ??= deploy(testLog(path.join(dir, 'nobody')));
      log.publish({ rpcUrl: anvil.rpcUrl, chainId: DEVNET_CHAIN_ID, logAnchor: await shared });
      return { log, databaseUrl };
    },
    async stop() {
      await anvil.stop();
      await postgres.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  return net;
}

/** One query over a connection of its own. */
export async function query<T extends object>(url: string, text: string): Promise<T[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<T>(text)).rows;
  } finally {
    await client.end();
  }
}

export async function someEntries(name: string, count: number): Promise<Uint8Array[]> {
  return Promise.all(Array.from({ length: count }, (_, i) => wellFormedEntry(`${name} ${i}`)));
}

/** Appends all, `callers` at a time, and answers where each went. */
export async function appendAll(
  client: Pick<LogClient, 'append'>,
  entries: Uint8Array[],
  callers = 200,
): Promise<Appended[]> {
  const answers: Appended[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: callers }, async () => {
      for (let i = next++; i < entries.length; i = next++) answers[i] = await client.append(entries[i] as Uint8Array);
    }),
  );
  return answers;
}

export function leafOf(entry: Uint8Array | undefined): string {
  return toHex(nodeHasher.leaf(entry ?? new Uint8Array()));
}

/** Everything in a log, checked against its signed checkpoint. */
export async function wholeLog(
  client: Pick<LogClient, 'checkpoint' | 'tile'>,
  { vkey, origin }: Pick<TestLog, 'vkey' | 'origin'>,
): Promise<Uint8Array[]> {
  const checkpoint = await client.checkpoint();
  const trust = { log: { origin, vkeys: [{ vkey, fromSize: 0 }] }, witnesses: { quorum: 0, vkeys: [] } };
  const verified = verifyCheckpoint(checkpoint.note, trust, true);
  expect(verified.size).toBe(checkpoint.size);
  const all: Uint8Array[] = [];
  for await (const { entry } of readEntries(client, verified, { hasher: nodeHasher })) all.push(entry);
  return all;
}
