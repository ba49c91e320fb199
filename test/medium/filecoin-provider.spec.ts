// Real: anvil, the storage contracts, storage provider processes, the unmodified SDK. Faked: nothing.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as Piece from '@filoz/synapse-core/piece';
import * as SP from '@filoz/synapse-core/sp';
import { signCreateDataSetAndAddPieces } from '@filoz/synapse-core/typed-data';
import { Synapse } from '@filoz/synapse-sdk';
import { createTestClient, decodeErrorResult, http, parseEther, type LocalAccount } from 'viem';
import { privateKeyToAddress } from 'viem/accounts';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Hex } from '../../src/kernel/index.js';
import { filecoinWarmStorageServiceAbi } from '../../web3/chain/abi/filecoin-warm-storage-service.js';
import type { ProviderService } from '../../web3/devnet/provider.js';
import { PieceHasher } from '../../web3/filecoin/commp.js';
import { SLOW_HASH } from '../../web3/filecoin/sha256-pairs.js';
import { focSigner, type FocSigner } from '../../web3/filecoin/store/foc-client.js';
import { distDir } from '../support/build.js';
import { startStorageNet, type StorageNet } from '../support/storage-net.js';

const WAIT = { timeout: 30_000, interval: 100 };

let net: StorageNet;
let provider: ProviderService;
let payer: LocalAccount;
let signer: FocSigner;

beforeAll(async () => {
  net = await startStorageNet();
  provider = await net.provider('provider');
  payer = await net.account(parseEther('100'));
  signer = focSigner(net.network, payer);
  await new Synapse({ client: signer, source: null }).payments.fundSync({
    amount: parseEther('20'),
    needsFwssMaxApproval: true,
  });
});
afterAll(async () => net.stop());

const call = async (route: string, init?: RequestInit): Promise<Response> => fetch(new URL(route, provider.url), init);
const json = (body: unknown, method = 'POST'): RequestInit => ({
  method,
  body: JSON.stringify(body),
  headers: { 'content-type': 'application/json' },
});
const octets = (bytes: Uint8Array): RequestInit => ({
  method: 'PUT',
  body: Buffer.from(bytes),
  headers: { 'content-type': 'application/octet-stream' },
});
const cidOf = (bytes: Uint8Array): string => new PieceHasher().write(bytes).digest();

async function openUpload(): Promise<string> {
  const response = await call('pdp/piece/uploads', { method: 'POST' });
  expect(response.status).toBe(201);
  return response.headers.get('location') ?? '';
}

async function store(bytes: Uint8Array): Promise<string> {
  const session = await openUpload();
  expect((await call(session, octets(bytes))).status).toBe(204);
  expect((await call(session, json({ pieceCid: cidOf(bytes) }))).status).toBe(200);
  return cidOf(bytes);
}

const filesIn = async (folder: string): Promise<string[]> => readdir(path.join(net.dir, 'provider', folder));

describe('pieces', () => {
  test('are served whole and in ranges', async () => {
    const bytes = randomBytes(5000);
    const pieceCid = await store(bytes);
    const whole = await call(`piece/${pieceCid}`);
    expect(whole.headers.get('etag')).toBe(`"${pieceCid}"`);
    expect(Buffer.from(await whole.arrayBuffer())).toEqual(bytes);
    const part = await call(`piece/${pieceCid}`, { headers: { range: 'bytes=100-199' } });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 100-199/5000']);
    expect(Buffer.from(await part.arrayBuffer())).toEqual(bytes.subarray(100, 200));
    expect((await call(`piece/${pieceCid}`, { headers: { range: 'bytes=5000-' } })).status).toBe(416);
    const head = await call(`piece/${pieceCid}`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '5000']);
  });

  test('can be announced first, and are not taken again then', async () => {
    const bytes = randomBytes(300);
    const announce = async (): Promise<Response> => call('pdp/piece', json({ pieceCid: cidOf(bytes) }));
    const session = (await announce()).headers.get('location') ?? '';
    expect((await call(session, octets(randomBytes(300)))).status).toBe(400);
    const again = (await announce()).headers.get('location') ?? '';
    expect((await call(again, octets(bytes))).status).toBe(204);
    expect((await announce()).status).toBe(200);
    expect((await call(`pdp/piece?pieceCid=${cidOf(bytes)}`)).status).toBe(200);
  });

  test('that are not what they are called leave nothing behind', async () => {
    const before = await filesIn('pieces');
    const bytes = randomBytes(300);
    const session = await openUpload();
    await call(session, octets(bytes));
    const refused = await call(session, json({ pieceCid: cidOf(randomBytes(300)) }));
    expect([refused.status, await refused.text()]).toEqual([400, `piece CID mismatch: the bytes are ${cidOf(bytes)}`]);
    expect((await call(await openUpload(), octets(randomBytes(126)))).status).toBe(400);
    expect(await filesIn('pieces')).toEqual(before);
    expect(await filesIn('incoming')).toEqual([]);
  });

  test('sessions are not guessed, used twice, or finished empty', async () => {
    const session = await openUpload();
    expect((await call(session, json({ pieceCid: cidOf(randomBytes(200)) }))).status).toBe(404);
    expect((await call(session, octets(randomBytes(200)))).status).toBe(204);
    expect((await call(session, octets(randomBytes(200)))).status).toBe(409);
    expect(
      (await call('pdp/piece/uploads/00000000-0000-4000-8000-000000000000', octets(randomBytes(200)))).status,
    ).toBe(404);
    expect((await call('pdp/piece/uploads/..%2fpieces', octets(randomBytes(200)))).status).toBe(400);
  });

  test('no text leads out of the folder of pieces', async () => {
    const key = privateKeyToAddress((await readFile(path.join(net.dir, 'provider/key'), 'utf8')) as Hex);
    expect(key).toMatch(/^0x/); // the file is there to be stolen
    for (const text of ['..%2fkey', '%2e%2e%2fkey', '..%5ckey', 'key', '%00', 'a'.repeat(500)]) {
      for (const route of [`piece/${text}`, `pdp/piece?pieceCid=${text}`]) {
        const response = await call(route);
        expect([route, response.status >= 400 && response.status < 500]).toEqual([route, true]);
      }
    }
    for (const body of ['{', '[]', 'null', '{"pieceCid":7}', '{"pieceCid":"../key"}']) {
      expect((await call('pdp/piece', { ...json({}), body })).status).toBe(400);
    }
  });
});

describe('data sets', () => {
  async function signed(bytes: Uint8Array) {
    const pieceCid = Piece.parse(cidOf(bytes));
    const payee = privateKeyToAddress((await readFile(path.join(net.dir, 'provider/key'), 'utf8')) as Hex);
    const extraData = await signCreateDataSetAndAddPieces(signer, { payee, metadata: [], pieces: [{ pieceCid }] });
    const pieces = [{ pieceCid: pieceCid.toString() }];
    return { extraData, recordKeeper: net.network.contracts.fwss as string, pieces };
  }

  test('are only made under the service of this network, of pieces that are here, with consent', async () => {
    const bytes = randomBytes(200);
    const body = await signed(bytes);
    const create = async (changes: object): Promise<Response> =>
      call('pdp/data-sets/create-and-add', json({ ...body, ...changes }));
    expect((await create({})).status).toBe(400); // not stored yet
    await store(bytes);
    expect((await create({ recordKeeper: payer.address })).status).toBe(403);
    expect((await create({ recordKeeper: 'nobody' })).status).toBe(400);
    expect((await create({ pieces: [] })).status).toBe(400);

    const other = randomBytes(200);
    await store(other);
    const refused = await create({ pieces: [{ pieceCid: cidOf(other) }] });
    const revert = /revert reason=\[(0x[0-9a-f]+)\]/.exec(await refused.text())?.[1] as Hex;
    expect(decodeErrorResult({ abi: filecoinWarmStorageServiceAbi, data: revert }).errorName).toBe('InvalidSignature');
    expect((await call('pdp/data-sets/999')).status).toBe(404);
    expect((await call(`pdp/data-sets/created/0x${'0'.repeat(64)}`)).status).toBe(404);
  });

  test('survive a kill between sending and mining, and a repeated request is the same transaction', async () => {
    const bytes = randomBytes(900);
    await store(bytes);
    const body = await signed(bytes);
    const create = async (): Promise<string> =>
      (await call('pdp/data-sets/create-and-add', json(body))).headers.get('location') ?? '';
    const chain = createTestClient({ mode: 'anvil', transport: http(net.network.rpcUrl) });
    await chain.setAutomine(false);
    try {
      const location = await create();
      expect(await create()).toBe(location);
      expect(await (await call(location)).json()).toMatchObject({ txStatus: 'pending', ok: null });
      provider.kill('SIGKILL');
      await provider.exited;
      // The chain forgets it as well: only the provider's disk has it.
      await chain.dropTransaction({ hash: location.split('/').at(-1) as Hex });
      provider = await net.provider('provider', { port: Number(new URL(provider.url).port) });
      expect(await create()).toBe(location);
      await chain.setAutomine(true);
      await chain.mine({ blocks: 1 });
      const created = await SP.waitForCreateDataSet({
        statusUrl: new URL(location, provider.url).href,
        pollInterval: 100,
      });
      expect(created.txStatus).toBe('confirmed');
      const set = await (await call(`pdp/data-sets/${created.dataSetId}`)).json();
      expect(set).toMatchObject({ pieces: [{ pieceCid: cidOf(bytes), pieceId: 0 }] });
      expect(await create()).toBe(location);
    } finally {
      await chain.setAutomine(true);
    }
  });

  test('are copied from provider to provider by the SDK, and from nowhere else', async () => {
    const second = await net.provider('second');
    const synapse = new Synapse({ client: signer, source: 'copies' });
    const bytes = randomBytes(40_000);
    const contexts = await synapse.storage.createContexts({ copies: 2 });
    const result = await synapse.storage.upload(Uint8Array.from(bytes), { contexts });
    expect([result.complete, result.copies.length]).toEqual([true, 2]);
    for (const base of [provider.url, second.url]) {
      const response = await fetch(new URL(`piece/${cidOf(bytes)}`, base));
      expect(Buffer.from(await response.arrayBuffer())).toEqual(bytes);
    }
    const wanted = randomBytes(700);
    const body = await signed(wanted);
    const pull = async (sourceUrl: string): Promise<number> =>
      (await call('pdp/piece/pull', json({ ...body, pieces: [{ pieceCid: cidOf(wanted), sourceUrl }] }))).status;
    expect(await pull(new URL(`piece/${cidOf(wanted)}`, second.url).href)).toBe(200);
    expect(await pull(`${net.network.rpcUrl}/piece/${cidOf(wanted)}`)).toBe(400);
    expect(await pull(`${second.url}pdp/ping?piece/${cidOf(wanted)}`)).toBe(400);
    await second.stop();
  });

  test('are not copied from a provider that gives other bytes under the name of a piece', async () => {
    const source = await net.provider('lying');
    const wanted = randomBytes(700);
    const pieceCid = cidOf(wanted);
    await writeFile(path.join(net.dir, 'lying/pieces', pieceCid), randomBytes(700));
    const body = { ...(await signed(wanted)), pieces: [{ pieceCid, sourceUrl: `${source.url}piece/${pieceCid}` }] };
    const status = async (): Promise<unknown> =>
      ((await (await call('pdp/piece/pull', json(body))).json()) as { status: unknown }).status;
    await vi.waitUntil(async () => !['pending', 'inProgress', 'retrying'].includes(String(await status())), WAIT);
    expect(await status()).toBe('failed');
    expect((await call(`pdp/piece?pieceCid=${pieceCid}`)).status).toBe(404);
    expect(await filesIn('incoming')).toEqual([]);
  });
});

describe('the process', () => {
  test('names each variable that is missing or wrong, and tells no secret', async () => {
    const keyFile = path.join(net.dir, 'bad-key');
    await writeFile(keyFile, 'not-a-key-but-secret');
    const env = { PROVIDER_PORT: '0', PROVIDER_KEY_FILE: keyFile, WEIGHBRIDGE_NETWORK: net.networkFile };
    const main = path.join(distDir(), 'programs/provider.js');
    const { status, stderr } = spawnSync(process.execPath, [main], { env, encoding: 'utf8' });
    expect(status).toBe(1);
    for (const name of ['PROVIDER_PORT', 'PROVIDER_DIR', 'PROVIDER_KEY_FILE']) expect(stderr).toContain(name);
    expect(stderr).toContain('CONFIG_INVALID');
    expect(stderr).not.toContain('not-a-key-but-secret');
  });

  test('says where its machine has no native binary for piece CIDs, and serves all the same', async () => {
    const { stop, url } = await net.provider('slow', {
      env: { NAPI_RS_NATIVE_LIBRARY_PATH: '/nowhere/hashtree.node' },
    });
    try {
      expect(await readFile(path.join(net.dir, 'slow/provider.log'), 'utf8')).toContain(SLOW_HASH);
      const bytes = randomBytes(300_000);
      const at = async (route: string, init: RequestInit): Promise<Response> => fetch(new URL(route, url), init);
      const session = (await at('pdp/piece/uploads', { method: 'POST' })).headers.get('location') ?? '';
      expect((await at(session, octets(bytes))).status).toBe(204);
      expect((await at(session, json({ pieceCid: cidOf(bytes) }))).status).toBe(200);
    } finally {
      await stop();
    }
    expect(await readFile(path.join(net.dir, 'provider/provider.log'), 'utf8')).not.toContain(SLOW_HASH);
  });
});
