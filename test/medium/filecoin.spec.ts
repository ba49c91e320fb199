// Real: anvil, the storage contracts, the storage provider process, the unmodified SDK. Faked: nothing.
import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, open, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Synapse } from '@filoz/synapse-sdk';
import {
  createPublicClient,
  createTestClient,
  encodeAbiParameters,
  http,
  keccak256,
  parseEther,
  stringToHex,
  type LocalAccount,
} from 'viem';
import { generatePrivateKey } from 'viem/accounts';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { adapters } from '../../src/cli/adapters.js';
import { runCli } from '../../src/cli/program.js';
import { concatBytes, WeighbridgeError, type Network } from '../../src/kernel/index.js';
import type { StoredPiece } from '../../src/storage/index.js';
import { filecoinWarmStorageServiceStateViewAbi } from '../../web3/chain/abi/filecoin-warm-storage-service-state-view.js';
import { pdpVerifierAbi } from '../../web3/chain/abi/pdp-verifier.js';
import { sessionKeyRegistryAbi } from '../../web3/chain/abi/session-key-registry.js';
import type { ProviderService } from '../../web3/devnet/provider.js';
import { PieceHasher } from '../../web3/filecoin/commp.js';
import { createPieceStore } from '../../web3/filecoin/piece-store.js';
import { createSellerStorage } from '../../web3/filecoin/seller-storage.js';
import { createStorageNetwork } from '../../web3/filecoin/storage-network.js';
import { focSigner } from '../../web3/filecoin/store/foc-client.js';
import { builtSealingThreads } from '../support/build.js';
import { testTerminal } from '../support/cli.js';
import { putPiece } from '../support/put-piece.js';
import { startStorageNet, type StorageNet } from '../support/storage-net.js';

let net: StorageNet;
let provider: ProviderService;
let payer: LocalAccount;

beforeAll(async () => {
  net = await startStorageNet();
  provider = await net.provider('provider');
  payer = await net.account(parseEther('10'));
});
afterAll(async () => net.stop());

async function restartProvider(capacityBytes?: number): Promise<void> {
  await provider.stop();
  const port = Number(new URL(provider.url).port);
  provider = await net.provider('provider', { port, ...(capacityBytes === undefined ? {} : { capacityBytes }) });
}

/** One provider is enough for what is tested here; `storage-copies.spec.ts` has the others. */
const oneCopy = (account: LocalAccount) => createPieceStore({ network: net.network, account, copies: 1 });

let files = 0;

/** A file of random bytes, and what it is as a piece. */
async function sample(sizeBytes: number): Promise<{ piece: StoredPiece; bytes: Uint8Array; file: string }> {
  const bytes = randomBytes(sizeBytes);
  const file = path.join(net.dir, `piece-${files++}`);
  await writeFile(file, bytes);
  return { piece: { pieceCid: new PieceHasher().write(bytes).digest(), sizeBytes }, bytes, file };
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(Uint8Array.from(part)); // its memory is used again
  return concatBytes(...parts);
}

const codeOf = async (run: Promise<unknown>): Promise<string> =>
  run.then(
    () => 'none',
    (error: unknown) => (error instanceof WeighbridgeError ? error.code : String(error)),
  );

/** Pieces on chain in each data set of a payer. */
async function listed(network: Network, address: `0x${string}`): Promise<bigint[]> {
  const reader = createPublicClient({ transport: http(network.rpcUrl) });
  const sets = await reader.readContract({
    address: network.contracts.fwssView,
    abi: filecoinWarmStorageServiceStateViewAbi,
    functionName: 'getClientDataSets',
    args: [address],
  });
  const pdp = { address: network.contracts.pdp, abi: pdpVerifierAbi } as const;
  return Promise.all(
    sets.map(({ dataSetId }) =>
      reader.readContract({ ...pdp, functionName: 'getActivePieceCount', args: [dataSetId] }),
    ),
  );
}

describe('a piece store', () => {
  test('stores pieces, lists them on chain, and reads them back without an account', async () => {
    const store = oneCopy(payer);
    const large = await sample(3_000_000);
    const small = await sample(130);
    const progress: number[] = [];
    expect(await putPiece(store, large.piece, large.file, (sent) => progress.push(sent))).toEqual(large.piece);
    await putPiece(store, small.piece, small.file);
    expect(progress.at(-1)).toBe(3_000_000);
    expect(await listed(net.network, payer.address)).toEqual([2n]);

    const anyone = createPieceStore({ network: net.network });
    expect(Buffer.compare(await collect(anyone.download(large.piece.pieceCid)), large.bytes)).toBe(0);
    expect(Buffer.compare(await collect(anyone.download(small.piece.pieceCid)), small.bytes)).toBe(0);
  });

  test('a provider that is or becomes full says so, and keeps no part of the piece; a second upload needs no room', async () => {
    const store = oneCopy(payer);
    const known = await sample(200_000);
    await putPiece(store, known.piece, known.file);
    const before = await listed(net.network, payer.address);
    const stored = (await readdir(path.join(net.dir, 'provider/pieces'))).length;
    try {
      for (const capacityBytes of [1, 20_000_000]) {
        await restartProvider(capacityBytes);
        const { piece, file } = await sample(capacityBytes + 2_000_000);
        expect(await codeOf(putPiece(store, piece, file))).toBe('DISK_FULL');
        // Without room for one more byte only an upload without a transfer succeeds.
        if (capacityBytes === 1) await putPiece(oneCopy(payer), known.piece, known.file);
      }
    } finally {
      await restartProvider();
    }
    expect(await readdir(path.join(net.dir, 'provider/incoming'))).toEqual([]);
    expect(await readdir(path.join(net.dir, 'provider/pieces'))).toHaveLength(stored);
    expect(await listed(net.network, payer.address)).toEqual(before);
  }, 180_000);

  test('uploads side by side share one data set', async () => {
    const account = await net.account(parseEther('1'));
    const store = oneCopy(account);
    const pieces = await Promise.all([sample(1000), sample(2000), sample(3000)]);
    await Promise.all(pieces.map(async ({ piece, file }) => putPiece(store, piece, file)));
    expect(await listed(net.network, account.address)).toEqual([3n]);
  });

  test('a request that was sent before a client was killed, and is sent again, lists the piece once', async () => {
    const account = await net.account(parseEther('2'));
    const { piece, file } = await sample(4000);
    // Two clients that know nothing of each other are a killed one and its successor at their closest.
    const clients = [1, 2].map(() => oneCopy(account));
    const outcomes = await Promise.all(clients.map(async (store) => codeOf(putPiece(store, piece, file))));
    expect(outcomes).toContain('none');
    await putPiece(oneCopy(account), piece, file);
    expect(await listed(net.network, account.address)).toEqual([1n]);
  });

  test('the SDK itself stores and reads, by its own high-level calls', async () => {
    const account = await net.account(parseEther('10'));
    const synapse = new Synapse({ client: focSigner(net.network, account), source: 'sdk-test' });
    const bytes = randomBytes(5000);
    const [context] = await synapse.storage.createContexts({ copies: 1 });
    await synapse.payments.fundSync({ amount: parseEther('1'), needsFwssMaxApproval: true });
    const result = await synapse.storage.upload(Uint8Array.from(bytes), { contexts: context ? [context] : [] });
    expect(result.complete).toBe(true);
    expect(Buffer.compare(await synapse.storage.download({ pieceCid: result.pieceCid }), bytes)).toBe(0);
  });

  test('a file that is not the piece is not stored', async () => {
    const { piece, file } = await sample(400_000);
    const other = await sample(400_000);
    const store = oneCopy(payer);
    const before = await listed(net.network, payer.address);
    expect(await codeOf(putPiece(store, piece, other.file))).toBe('DIGEST_MISMATCH');
    await writeFile(file, Buffer.alloc(200));
    expect(await codeOf(putPiece(store, piece, file))).toBe('DIGEST_MISMATCH');
    expect(await codeOf(putPiece(store, { ...piece, pieceCid: '../../etc/passwd' }, file))).toBe('BAD_INPUT');
    expect(await listed(net.network, payer.address)).toEqual(before);
  });

  test('without money nothing is transferred', async () => {
    const account = await net.account(0n);
    const { piece, file } = await sample(100_000);
    const store = oneCopy(account);
    let sent = 0;
    expect(await codeOf(putPiece(store, piece, file, (bytes) => (sent = bytes)))).toBe('NO_BALANCE');
    expect(sent).toBe(0);
    expect(await codeOf(putPiece(createPieceStore({ network: net.network }), piece, file))).toBe('CONFIG_INVALID');
  });

  test('money that was there when an upload began, and is gone when its block comes, stops it', async () => {
    const account = await net.account(parseEther('1'));
    const { piece, file } = await sample(100_000);
    const anvil = createTestClient({ mode: 'anvil', transport: http(net.network.rpcUrl) });
    await anvil.setAutomine(false);
    try {
      // No block comes, and the upload is open: nobody waits for the payment before the first byte.
      const session = await oneCopy(account).open(piece.sizeBytes);
      // The deposit and the session key.
      await vi.waitUntil(async () => (await anvil.getTxpoolStatus()).pending >= 2, { timeout: 30_000 });
      const balances = encodeAbiParameters([{ type: 'address' }, { type: 'uint256' }], [account.address, 0n]);
      const value = `0x${'00'.repeat(32)}` as const;
      await anvil.setStorageAt({ address: net.network.contracts.usdfc, index: keccak256(balances), value });
      await anvil.mine({ blocks: 1 });
      expect(await codeOf(session.commit([piece]))).toBe('NO_BALANCE');
      let sent = 0;
      const send = session.send(
        createReadStream(file),
        () => piece.pieceCid,
        (bytes) => (sent = bytes),
      );
      expect(await codeOf(send)).toBe('NO_BALANCE');
      expect(sent).toBe(0);
    } finally {
      await anvil.setAutomine(true);
    }
    expect(await listed(net.network, account.address)).toEqual([]);
  });

  test('two commands of one wallet that pay in at the same moment both do, the second by the next permit', async () => {
    const account = await net.account(parseEther('3'));
    const anvil = createTestClient({ mode: 'anvil', transport: http(net.network.rpcUrl) });
    const [one, other] = [1, 2].map(() => createSellerStorage({ network: net.network, account }));
    await anvil.setAutomine(false);
    try {
      // Nothing is mined before both are signed: both permits have the number 0.
      const paid = Promise.all([one?.topUp(parseEther('1')), other?.topUp(parseEther('1'))]);
      await vi.waitUntil(async () => (await anvil.getTxpoolStatus()).pending >= 1, { timeout: 30_000 });
      await sleep(500);
      await anvil.setAutomine(true);
      await anvil.mine({ blocks: 1 });
      await paid;
    } finally {
      await anvil.setAutomine(true);
    }
    const { depositWei } = await createStorageNetwork({ network: net.network }).accountOf(account.address);
    expect(depositWei).toBe(parseEther('2'));
  });

  test('a chain that is another one, or away, is told apart from a provider that is', async () => {
    const { piece, file } = await sample(200);
    expect(() => createPieceStore({ network: { ...net.network, chainId: 1 } })).toThrow('not on chain 1');
    const away = createPieceStore({
      network: { ...net.network, rpcUrl: 'http://127.0.0.1:9' },
      account: payer,
      copies: 1,
    });
    expect(await codeOf(putPiece(away, piece, file))).toBe('CHAIN_UNAVAILABLE');
    expect(await codeOf(collect(away.download(piece.pieceCid)))).toBe('CHAIN_UNAVAILABLE');
  });

  test('contracts of another version are refused by name, before anything is paid', async () => {
    const { piece, file } = await sample(200);
    // It has a VERSION too: 1.1.0.
    const registry = net.network.contracts.serviceProviderRegistry;
    for (const [key, words] of [
      ['fwss', 'FilecoinWarmStorageService is at version 1.1.0; this release speaks 1.2'],
      ['pdp', 'PDPVerifier is at version 1.1.0; this release speaks 3.2'],
    ] as const) {
      const network = { ...net.network, contracts: { ...net.network.contracts, [key]: registry } };
      const stored = putPiece(createPieceStore({ network, account: payer, copies: 1 }), piece, file);
      await expect(stored).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining(words) });
    }
  });

  test('a node of another chain than the network file names is refused before anything is sent, paid or listed', async () => {
    const { piece, file } = await sample(200);
    const network = { ...net.network, chainId: 314159 };
    const before = await listed(net.network, payer.address);
    const elsewhere = createPieceStore({ network, account: payer, copies: 1 });
    expect(await codeOf(putPiece(elsewhere, piece, file))).toBe('WRONG_CHAIN');
    expect(await codeOf(collect(elsewhere.download(piece.pieceCid)))).toBe('WRONG_CHAIN');

    const stderr = await publishOn(network, generatePrivateKey());
    expect(stderr).toMatch(/the node serves chain 31415926, the network is 314159.*WRONG_CHAIN/s);
    expect(await listed(net.network, payer.address)).toEqual(before);
  });

  test('a byte that was flipped on the disk of the provider is found', async () => {
    const { piece, file } = await sample(700_000);
    const store = oneCopy(payer);
    await putPiece(store, piece, file);
    await flipByte(path.join(net.dir, 'provider/pieces', piece.pieceCid), 345_678);
    expect(await codeOf(collect(store.download(piece.pieceCid)))).toBe('PIECE_CORRUPT');
    const stored = await open(path.join(net.dir, 'provider/pieces', piece.pieceCid), 'r+');
    await stored.truncate(699_999);
    await stored.close();
    expect(await codeOf(collect(store.download(piece.pieceCid)))).toBe('PIECE_CORRUPT');
  });

  test('a second copy serves when the first is corrupt or gone', async () => {
    const { piece, bytes, file } = await sample(2_000_000);
    const store = oneCopy(payer);
    await putPiece(store, piece, file);
    const second = await net.provider('second');
    await copyTo(second.url, piece, bytes);
    await flipByte(path.join(net.dir, 'provider/pieces', piece.pieceCid), 1_000_000);
    const reader = createPieceStore({ network: net.network });
    const outcomes: string[] = [];
    for (let i = 0; i < 2; i++) outcomes.push(await codeOf(collect(reader.download(piece.pieceCid))));
    expect(outcomes.at(-1)).toBe('none'); // at the latest once the first copy is suspect
    await second.stop();
    expect(await codeOf(collect(reader.download(piece.pieceCid)))).toBe('PIECE_CORRUPT');
  });

  test('killed, the provider is down; started again, it knows all it knew', async () => {
    const account = await net.account(parseEther('1'));
    const store = oneCopy(account);
    const { piece, bytes, file } = await sample(500_000);
    const next = await sample(600_000);
    await putPiece(store, piece, file);
    const [hash] = (await readdir(path.join(net.dir, 'provider/transactions'))).map((name) => name.split('.')[0]);
    const created = async (): Promise<unknown> =>
      (await fetch(new URL(`pdp/data-sets/created/${hash}`, provider.url))).json();
    const before = await created();

    provider.kill('SIGKILL');
    await provider.exited;
    expect(await codeOf(collect(store.download(piece.pieceCid)))).toBe('PROVIDER_DOWN');
    expect(await codeOf(putPiece(store, next.piece, next.file))).toBe('PROVIDER_DOWN');

    provider = await net.provider('provider', { port: Number(new URL(provider.url).port) });
    expect(await created()).toEqual(before);
    expect(Buffer.compare(await collect(store.download(piece.pieceCid)), bytes)).toBe(0);
    await putPiece(store, next.piece, next.file);
    expect(await listed(net.network, account.address)).toEqual([2n]);
  });

  // The last one: it puts the chain's clock on.
  test('an upload of days is signed for by a second key, and each may make data sets and add pieces, for a day', async () => {
    const account = await net.account(parseEther('2'));
    const { piece, file } = await sample(5_000);
    const store = oneCopy(account);
    const session = await store.open(piece.sizeBytes);
    await session.send(createReadStream(file), () => piece.pieceCid);
    // Its deposit and its first key are on their way since it was opened; a permit of before the jump would be too old after it.
    const reader = createPublicClient({ transport: http(net.network.rpcUrl) });
    await expect.poll(async () => reader.getTransactionCount(account), { timeout: 60_000 }).toBe(2);
    const anvil = createTestClient({ mode: 'anvil', transport: http(net.network.rpcUrl) });
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      vi.setSystemTime(Date.now() + 2 * DAY_S * 1_000);
      await anvil.increaseTime({ seconds: 2 * DAY_S });
      await anvil.mine({ blocks: 1 });
      await session.commit([piece]);
    } finally {
      vi.useRealTimers();
    }
    expect(await listed(net.network, account.address)).toEqual([1n]);
    const keys = await sessionKeysOf(account.address);
    expect(keys.map(({ permissions }) => permissions)).toEqual(Array(2).fill(UPLOADER_MAY));
    expect(new Set(keys.map(({ signer }) => signer)).size).toBe(2);
    for (const { validS } of keys) expect(Math.abs(validS - DAY_S)).toBeLessThan(600);
  });
});

const DAY_S = 86_400;
/** EIP-712 types, whose hashes are what the registry calls permissions. */
const UPLOADER_MAY = [
  'CreateDataSet(uint256 clientDataSetId,address payee,MetadataEntry[] metadata)MetadataEntry(string key,string value)',
  'AddPieces(uint256 clientDataSetId,uint256 nonce,Cid[] pieceData,PieceMetadata[] pieceMetadata)Cid(bytes data)MetadataEntry(string key,string value)PieceMetadata(uint256 pieceIndex,MetadataEntry[] metadata)',
].map((type) => keccak256(stringToHex(type)));

/** What a wallet has let others sign for it, oldest first. */
async function sessionKeysOf(wallet: `0x${string}`) {
  const reader = createPublicClient({ transport: http(net.network.rpcUrl) });
  const registry = { address: net.network.contracts.sessionKeyRegistry, abi: sessionKeyRegistryAbi };
  const about = { eventName: 'AuthorizationsUpdated', args: { identity: wallet }, fromBlock: 0n } as const;
  const events = await reader.getContractEvents({ ...registry, ...about });
  return Promise.all(
    events.map(async ({ args: { signer, permissions, expiry = 0n }, blockNumber }) => {
      const { timestamp } = await reader.getBlock({ blockNumber });
      return { signer, permissions, validS: Number(expiry - timestamp) };
    }),
  );
}

async function flipByte(file: string, at: number): Promise<void> {
  const handle = await open(file, 'r+');
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, at);
  await handle.write(Buffer.from([(buffer[0] ?? 0) ^ 1]), 0, 1, at);
  await handle.close();
}

async function copyTo(url: string, { pieceCid }: StoredPiece, bytes: Uint8Array): Promise<void> {
  const { headers } = await fetch(new URL('pdp/piece/uploads', url), { method: 'POST' });
  const session = new URL(headers.get('location') ?? '', url);
  const octets = { 'content-type': 'application/octet-stream' };
  await fetch(session, { method: 'PUT', body: Buffer.from(bytes), headers: octets });
  const json = { 'content-type': 'application/json' };
  await fetch(session, { method: 'POST', body: JSON.stringify({ pieceCid }), headers: json });
}

/** `weighbridge publish` with the adapters that ship; its marketplace is away. @returns what it said when it failed */
async function publishOn(network: Network, key: `0x${string}`): Promise<string> {
  const home = await mkdtemp(path.join(net.dir, 'seller-'));
  const file = (name: string): string => path.join(home, name);
  await writeFile(file('data.csv'), 'x,y\n1,2\n3,4\n');
  await writeFile(file('key'), key, { mode: 0o600 });
  await writeFile(file('network.json'), JSON.stringify({ ...network, apiUrl: 'http://127.0.0.1:9' }));
  const terms = path.join(import.meta.dirname, '../../examples/terms.json');
  const { io, stderr } = testTerminal({ cwd: home, env: { WEIGHBRIDGE_STATE: file('state') } });
  const args = ['publish', file('data.csv'), '--title', 't', '--price', '1', '--terms', terms];
  const code = await runCli([...args, '--network', file('network.json'), '--key-file', file('key')], io, {
    ...adapters,
    sealingThreads: builtSealingThreads,
  });
  expect(code).not.toBe(0);
  return stderr();
}
