// Real: everything. A whole devnet with its worker and four storage providers, and the CLI. Proxies stand in front of two providers, so
// that one dies in the middle of what the worker downloads from it.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createPublicClient, http, type LocalAccount } from 'viem';
import { generatePrivateKey } from 'viem/accounts';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { signIn } from '../../src/cli/api/sign-in.js';
import type { Bytes32 } from '../../src/kernel/index.js';
import { createHttpLogClient, headOf, parseEntry, readEntries } from '../../src/provenance/index.js';
import { mustRun, weighbridge } from '../../web3/devnet/demo/cli.js';
import type { Devnet } from '../../web3/devnet/devnet.js';
import { startProvider, type ProviderService } from '../../web3/devnet/provider.js';
import { freePort } from '../../web3/devnet/service.js';
import { pieceCidOf } from '../../web3/filecoin/commp.js';
import { get } from '../support/api/client.js';
import { cuttingProxy, type CuttingProxy } from '../support/cutting-proxy.js';
import { startTestDevnet, termsFile, type TestDevnet } from '../support/devnet.js';
import { greyPng } from '../support/png.js';

/** Half of a devnet's (docs/filecoin.md), with as long a window: what is waited for comes sooner. */
const PROVING = { periodEpochs: 30, windowEpochs: 20 };
const WAIT = { timeout: 240_000, interval: 500 };
vi.setConfig({ testTimeout: 900_000, hookTimeout: 600_000 });

let net: TestDevnet;
let devnet: Devnet;
let cli: TestDevnet['cli'];
let dir: string;
/** In front of providers 1 and 2: of any two copies, the first is behind one of them. */
const proxies: CuttingProxy[] = [];
/** Theirs, behind their proxies. */
const ports: number[] = [];

beforeAll(async () => {
  net = await startTestDevnet({ env: { STORAGE_WATCH_EVERY_MS: '2000' }, proving: PROVING });
  ({ devnet, cli, dir } = net);
  // Before anything is stored: the watch would take the pause for a fault.
  await Promise.all(
    [1, 2].map(async (providerId) => {
      const service = provider(providerId);
      await service.stop();
      const proxy = await cuttingProxy(service.url);
      const port = Number(new URL(service.url).port);
      proxies[providerId - 1] = proxy;
      ports[providerId - 1] = port;
      await start(service, { port, publicUrl: proxy.url });
    }),
  );
});
afterAll(async () => {
  for (const proxy of proxies) proxy.stop();
  await net?.stop();
});

const statusSchema = z.object({
  copies: z.array(z.object({ providerId: z.number(), dataSetId: z.number(), presence: z.string() })),
  deposit: z.object({ depositWei: z.string(), runwayDays: z.number().nullable() }),
});
type Status = z.infer<typeof statusSchema>;
const status = async (dataset: string): Promise<Status> =>
  statusSchema.parse(await mustRun(['storage', 'status', dataset], cli.buyer));

interface Published {
  id: Bytes32;
  pieces: { pieceCid: string; sizeBytes: number }[];
}
async function publish(file: string, label: string, ...more: string[]): Promise<Published> {
  const args = ['publish', file, '--label', label, '--title', file, '--price', '5', '--terms', termsFile, ...more];
  return (await mustRun(args, cli.seller)) as Published;
}

async function train(dataset: string, recipe: string, name: string): Promise<void> {
  mkdirSync(path.join(dir, name));
  const out = ['--out', `${name}/weights.safetensors`, '--receipt', `${name}/receipt.json`];
  const args = ['train', '--dataset', dataset, '--recipe', recipe, '--epochs', '1', '--purpose', 'research', ...out];
  await mustRun(args, { ...cli.buyer, timeoutMs: 600_000 });
}

const provider = (id: number): ProviderService => devnet.providers[id - 1] as ProviderService;
const piecesAt = (id: number): string => path.join(provider(id).dir, 'pieces');

/** Starts the provider of this folder and key, which stands in its place from then on. */
async function start(
  { dir, keyFile }: Pick<ProviderService, 'dir' | 'keyFile'>,
  options: { port: number; publicUrl?: string },
): Promise<ProviderService> {
  const { layout, accounts } = devnet;
  const place = { dir, providerKeyFile: keyFile, networkFile: layout.networkFile, deployer: accounts.deployer };
  const service = await startProvider({ ...place, ...options });
  devnet.providers[service.id - 1] = service;
  return service;
}

/** What a provider gives out for a piece is that piece. */
async function holds(service: ProviderService, { pieceCid }: { pieceCid: string }): Promise<boolean> {
  const { body } = await fetch(new URL(`piece/${pieceCid}`, service.url));
  return body !== null && (await pieceCidOf(body)).pieceCid === pieceCid;
}

type Logged = { type: string; predicate: Record<string, unknown> };

/** What the log has on the copies of a dataset. */
async function storageRecords(dataset: Bytes32): Promise<Logged[]> {
  const log = createHttpLogClient({ url: devnet.network.log.url });
  const found: Logged[] = [];
  for await (const { entry } of readEntries(log, headOf(await log.checkpoint()))) {
    const record = parseEntry(entry);
    const { predicate } = record.statement;
    const isOurs = record.type === 'possession-fault' || record.type === 'copy-repaired';
    if (isOurs && predicate['keyId'] === dataset) found.push({ type: record.type, predicate });
  }
  return found;
}

async function noticesOf(account: LocalAccount, dataset: Bytes32): Promise<string[]> {
  const token = await signIn(devnet.network, account);
  const query = '{ notices(first: 50) { edges { node { kind dataset } } } }';
  const api = { url: devnet.network.apiUrl, network: devnet.network };
  type Notices = { edges: { node: { kind: string; dataset: string | null } }[] };
  const { edges } = await get<Notices>(api, 'notices', query, {}, token);
  return edges.filter(({ node }) => node.dataset === dataset).map(({ node }) => node.kind);
}

const epoch = async (): Promise<number> =>
  Number(await createPublicClient({ transport: http(devnet.network.rpcUrl) }).getBlockNumber());

describe('a dataset whose providers fail', () => {
  let dataset: Published;
  let copies: Status['copies'];
  let third: number;

  beforeAll(async () => {
    const row = (i: number): string =>
      Array.from({ length: 12 }, (_, k) => (i * 7919 + k * 104_729) ** 2 % 999_983).join();
    const names = Array.from({ length: 12 }, (_, k) => `x${k}`);
    const rows = Array.from({ length: 12_000 }, (_, i) => `${row(i)},${i % 2}`);
    writeFileSync(path.join(dir, 'numbers.csv'), [`${names.join()},even`, ...rows, ''].join('\n'));
    const range = { range: [0, 999_983] };
    const declared = { ...Object.fromEntries(names.map((name) => [name, range])), even: { vocabulary: [0, 1] } };
    writeFileSync(path.join(dir, 'numbers.columns.json'), JSON.stringify(declared));
    dataset = await publish('numbers.csv', 'even');
    ({ copies } = await status(dataset.id));
    third = 6 - (copies[0]?.providerId ?? 0) - (copies[1]?.providerId ?? 0);
  });

  it('is trained on though one dies in the middle of the download, and has its second copy at a third one afterwards', async () => {
    // Of the copies, the first on the service's list is asked for the first bytes.
    const dying = Math.min(...copies.map(({ providerId }) => providerId));
    const service = provider(dying);
    const proxy = proxies[dying - 1] as CuttingProxy;
    const port = ports[dying - 1] ?? 0;
    proxy.arm(() => service.kill('SIGKILL'));
    await train(dataset.id, 'mlp', 'numbers-model');
    expect(proxy.cutAt()).toBeDefined();
    expect(await service.exited).toBe('SIGKILL');
    const { askedBytes = 0, sentBytes = 0 } = proxy.cutAt() ?? {};
    expect(sentBytes).toBeGreaterThan(0);
    expect(sentBytes).toBeLessThan(askedBytes);

    // It comes back, and its pieces do not.
    rmSync(piecesAt(dying), { recursive: true });
    const lostAt = await epoch();
    await start(service, { port, publicUrl: proxy.url });
    const lost = copies.find(({ providerId }) => providerId === dying);
    await vi.waitUntil(
      async () => (await storageRecords(dataset.id)).some(({ predicate }) => predicate['kind'] === 'piece-missing'),
      WAIT,
    );
    await vi.waitUntil(
      async () => (await storageRecords(dataset.id)).some(({ type }) => type === 'copy-repaired'),
      WAIT,
    );
    const records = await storageRecords(dataset.id);
    const faults = records.filter(({ type }) => type === 'possession-fault').map(({ predicate }) => predicate);
    const missing = faults.find(({ kind }) => kind === 'piece-missing');
    expect(new Set(faults.map(({ dataSetId }) => dataSetId))).toEqual(new Set([lost?.dataSetId]));
    expect(missing?.['epoch']).toBeLessThanOrEqual(lostAt + 2 * PROVING.periodEpochs);
    expect(records.find(({ type }) => type === 'copy-repaired')?.predicate).toMatchObject({
      replacedDataSetId: lost?.dataSetId,
      providerId: third,
    });
    expect(await holds(provider(third), dataset.pieces[0] ?? { pieceCid: '' })).toBe(true);

    const seen = Object.fromEntries(
      (await status(dataset.id)).copies.map(({ providerId, presence }) => [providerId, presence]),
    );
    expect(seen).toEqual({ 1: 'held', 2: 'held', 3: 'held', [dying]: 'missing' });
    const query = `query ($dataset: Bytes32!) { storage(dataset: $dataset) { providerId fault replacedBy } }`;
    const api = { url: devnet.network.apiUrl, network: devnet.network };
    const told = await get<{ providerId: number }[]>(api, 'storage', query, { dataset: dataset.id });
    expect(told.find(({ providerId }) => providerId === dying)).toEqual({
      providerId: dying,
      fault: 'piece-missing',
      replacedBy: expect.any(Number),
    });
    const notices = await noticesOf(devnet.accounts.seller, dataset.id);
    expect(notices).toEqual(expect.arrayContaining(['possession-fault', 'copy-repaired']));
    expect(await noticesOf(devnet.accounts.buyer, dataset.id)).toEqual([]);
    const audit = await weighbridge(['audit', dataset.id], cli.buyer);
    expect(audit).toMatchObject({ code: 0, json: { ok: true, complete: true } });
  });

  it('is repaired at a provider that was listed after it was published, once its seller permits that', async () => {
    const keyFile = devnet.layout.keyFile('provider-4');
    writeFileSync(keyFile, generatePrivateKey(), { mode: 0o600 });
    const fourth = await start(
      { dir: path.join(devnet.layout.dir, 'provider-4'), keyFile },
      { port: await freePort() },
    );
    expect(await mustRun(['storage', 'permit', dataset.id], cli.seller)).toMatchObject({ permits: 1, days: 180 });
    for (const name of readdirSync(piecesAt(third))) rmSync(path.join(piecesAt(third), name), { recursive: true });
    await vi.waitUntil(
      async () => (await storageRecords(dataset.id)).filter(({ type }) => type === 'copy-repaired').length === 2,
      WAIT,
    );
    expect(await holds(fourth, dataset.pieces[0] ?? { pieceCid: '' })).toBe(true);
  });
});

describe('a folder of images', () => {
  let id: Bytes32;

  beforeAll(async () => {
    for (const [label, grey] of [
      ['dark', 30],
      ['light', 220],
    ] as const) {
      const folder = path.join(dir, 'photos', label);
      mkdirSync(folder, { recursive: true });
      for (let i = 0; i < 12; i++) writeFileSync(path.join(folder, `${i}.png`), greyPng(grey + i, 24 + i, 24));
    }
    writeFileSync(path.join(dir, 'photos.columns.json'), JSON.stringify({ label: { vocabulary: ['dark', 'light'] } }));
    const looked = await mustRun(['inspect', 'photos', '--label', 'label'], cli.seller);
    expect(looked).toMatchObject({ quality: { rowCount: 24, duplicateRows: 0 } });
    ({ id } = await publish('photos', 'label', '--columns', 'photos.columns.json'));
  });

  it('is what a recipe trains on', async () => {
    await train(id, 'cnn', 'photos-model');
  });

  it('is paid for longer after a top-up, less long after a withdrawal, and no longer paid for once it is revoked and delisted', async () => {
    const before = await status(id);
    expect(before.copies.map(({ presence }) => presence)).toEqual(['held', 'held']);
    await mustRun(['storage', 'top-up', '--days', '30'], cli.seller);
    const after = await status(id);
    expect((after.deposit.runwayDays ?? 0) - (before.deposit.runwayDays ?? 0)).toBeGreaterThanOrEqual(29);
    const greedy = await weighbridge(['storage', 'withdraw', '--amount', '1000000'], cli.seller);
    expect(greedy).toMatchObject({
      code: 1,
      json: { error: { code: 'NO_BALANCE', message: expect.stringContaining('free') } },
    });
    const keepDays = (after.deposit.runwayDays ?? 0) - 20;
    const withdrawn = await mustRun(['storage', 'withdraw', '--keep-days', String(keepDays)], cli.seller);
    expect(keepDays - (withdrawn as { runwayDays: number }).runwayDays).toBeLessThanOrEqual(1);
    const early = await weighbridge(['delist', id], cli.seller);
    expect(early).toMatchObject({ code: 2, json: { error: { next: expect.stringContaining('weighbridge revoke') } } });
    await mustRun(['revoke', id], cli.seller);
    expect(await mustRun(['delist', id], cli.seller)).toMatchObject({
      copies: [
        { deleting: 1, refused: 0 },
        { deleting: 1, refused: 0 },
      ],
    });
    const delisted = await status(id);
    expect(delisted.copies).toEqual([]);
    expect(delisted.deposit.runwayDays ?? Infinity).toBeGreaterThan(keepDays);
  });
});
