// Real: PostgreSQL, anvil, the storage contracts, three storage provider processes and their disks, the unmodified SDK.
// Faked: the log (in memory, tests/medium/log.spec.ts has the real one), time (the test mines), and what the contract says of revocation.
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { createTestClient, http, parseEther, publicActions, walletActions, type LocalAccount } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { concatBytes, type Bytes32 } from '../../src/kernel/index.js';
import { DatabasePool, PrismaService } from '../../src/platform/index.js';
import { DatasetLog } from '../../src/provenance/index.js';
import { runwayDays, type CopyRef, type RepairPermit, type StoredPiece } from '../../src/storage/index.js';
import { StorageRepository, watchStorage, type WatchDeps } from '../../src/storage/watch/index.js';
import { PieceHasher } from '../../web3/filecoin/commp.js';
import { createPieceStore } from '../../web3/filecoin/piece-store.js';
import { createSellerStorage } from '../../web3/filecoin/seller-storage.js';
import { createStorageNetwork, type FilecoinNetwork } from '../../web3/filecoin/storage-network.js';
import { pdpVerifierAbi } from '../../web3/chain/abi/pdp-verifier.js';
import type { ProviderService } from '../../web3/devnet/provider.js';
import { FakeLog } from '../support/api/fake-log.js';
import { startTestDatabase, type TestDatabase } from '../support/database.js';
import { startStorageNet, type StorageNet } from '../support/storage-net.js';

const NAMES = ['provider', 'provider-2', 'provider-3'];
// Providers are processes: on a busy machine each start takes its time.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });
const WAIT = { timeout: 60_000, interval: 100 };
const DAY_MS = 86_400_000;
const datasetId: Bytes32 = `0x${'d5'.repeat(32)}`;
const keyId: Bytes32 = `0x${'4e'.repeat(32)}`;

let net: StorageNet;
let database: TestDatabase;
let prisma: PrismaService;
let pool: DatabasePool;
let seller: LocalAccount;
let chain: FilecoinNetwork;
let log: FakeLog;
let deps: WatchDeps;
let bytes: Uint8Array;
let piece: StoredPiece;
let copies: CopyRef[];
let revoked = false;
let permits: RepairPermit[];
const providers = new Map<number, { name: string; service: ProviderService }>();
const signed: string[] = [];
const faults: string[] = [];

beforeAll(async () => {
  [net, database] = await Promise.all([
    startStorageNet({ proving: { periodEpochs: 30, windowEpochs: 15 } }),
    startTestDatabase(),
  ]);
  for (const [i, name] of NAMES.entries()) {
    providers.set(i + 1, { name, service: await net.provider(name, { proveEveryMs: 100 }) });
  }
  pool = new DatabasePool(database.url);
  prisma = new PrismaService(pool);
  seller = notingWhatItSigns(await net.account(parseEther('10')));
  chain = createStorageNetwork({ network: net.network });
  log = new FakeLog();
  deps = {
    network: net.network,
    prisma,
    storage: new StorageRepository(prisma),
    chain,
    log: new DatasetLog(log, prisma),
    isRevoked: async () => revoked,
    recorder: privateKeyToAccount(generatePrivateKey()),
    datasets: async function* () {
      yield [{ keyId, datasetId, seller: seller.address, pieces: [piece] }];
    },
    onFault: (error, about) => faults.push(`${about}: ${String(error)}`),
    now: () => new Date(),
  };
  bytes = randomBytes(6_000_000);
  piece = { pieceCid: new PieceHasher().write(bytes).digest(), sizeBytes: bytes.length };
});
afterAll(async () => {
  await prisma?.$disconnect();
  await pool?.end();
  await net?.stop();
  await database?.stop();
});

function notingWhatItSigns(account: LocalAccount): LocalAccount {
  const signTypedData: LocalAccount['signTypedData'] = async (typed) => {
    signed.push(typed.primaryType);
    return account.signTypedData(typed);
  };
  return { ...account, signTypedData };
}

const at = (providerId: number) => {
  const provider = providers.get(providerId);
  if (provider === undefined) throw new Error(`no provider ${providerId}`);
  return provider;
};
const held = async (providerId: number): Promise<boolean> => {
  const response = await fetch(new URL(`piece/${piece.pieceCid}`, at(providerId).service.url));
  return response.ok && Buffer.compare(Buffer.from(await response.arrayBuffer()), bytes) === 0;
};
const records = (): string[] =>
  [...log.ofType('possession-fault'), ...log.ofType('copy-repaired'), ...log.ofType('storage-warning')].map(
    ({ type }) => type,
  );
const notices = async (): Promise<string[]> =>
  (await deps.storage.notices(seller.address, { first: 50, after: undefined })).rows.map(({ node }) => node.kind);
const download = async (): Promise<Uint8Array> => {
  const parts: Uint8Array[] = [];
  for await (const part of createPieceStore({ network: net.network }).download(piece.pieceCid))
    parts.push(Uint8Array.from(part));
  return concatBytes(...parts);
};

test('a dataset is stored at two providers, each with a data set of its own, signed for by a session key', async () => {
  const store = createPieceStore({ network: net.network, account: seller, dataset: datasetId });
  const session = await store.open(piece.sizeBytes);
  await session.send(read(), () => piece.pieceCid);
  copies = await session.commit([piece]);
  expect(new Set(copies.map(({ providerId }) => providerId)).size).toBe(2);
  expect(new Set(copies.map(({ dataSetId }) => dataSetId)).size).toBe(2);
  for (const { providerId } of copies) expect(await held(providerId)).toBe(true);
  // The wallet signs for its money alone.
  expect(new Set(signed)).toEqual(new Set(['Permit']));
  const states = await chain.copiesOf(seller.address, datasetId, [piece.pieceCid]);
  expect(states.map(({ providerId, dataSetId }) => ({ providerId, dataSetId }))).toEqual(
    copies.toSorted((a, b) => a.dataSetId - b.dataSetId),
  );
  expect(await session.commit([piece])).toEqual(copies);
  const account = await chain.accountOf(seller.address);
  expect(Number(account.runwayEpochs) / 2_880).toBeGreaterThan(80);

  async function* read(): AsyncGenerator<Uint8Array> {
    for (let from = 0; from < bytes.length; from += 1 << 20) yield bytes.subarray(from, from + (1 << 20));
  }
});

test('a round over copies that are good records nothing', async () => {
  const wallet = createSellerStorage({ network: net.network, account: seller });
  permits = await wallet.permitRepairs(datasetId, [piece.pieceCid], DAY_MS);
  expect(permits).toHaveLength(1);
  await deps.storage.savePermits(keyId, permits);
  await watchStorage(deps);
  expect([faults, records(), await notices()]).toEqual([[], [], []]);
  const rows = await deps.storage.copiesOf(keyId);
  expect(rows.map(({ fault }) => fault)).toEqual([null, null]);
});

test('each copy is proven, and anyone verifies the proofs anew', async () => {
  const anvil = createTestClient({ mode: 'anvil', transport: http(net.network.rpcUrl) }).extend(publicActions);
  const pdp = { address: net.network.contracts.pdp, abi: pdpVerifierAbi } as const;
  for (const { dataSetId } of copies) {
    const args = [BigInt(dataSetId)] as const;
    const challenge = async (): Promise<bigint> =>
      anvil.readContract({ ...pdp, functionName: 'getNextChallengeEpoch', args });
    await vi.waitUntil(async () => (await challenge()) > 0n, WAIT);
    const missing = (await challenge()) + 1n - (await anvil.getBlockNumber({ cacheTime: 0 }));
    if (missing > 0n) await anvil.mine({ blocks: Number(missing) });
    await vi.waitUntil(
      async () => (await anvil.readContract({ ...pdp, functionName: 'getDataSetLastProvenEpoch', args })) > 0n,
      WAIT,
    );
    const proof = await chain.verifyLastProof(dataSetId);
    expect([proof.challenges.length, proof.randomness]).toEqual([5, 'drawn again']);
  }
  await expect(chain.verifyLastProof(999)).rejects.toMatchObject({ code: 'BAD_INPUT' });
});

test('a provider that dies while a piece is read is left for the other, at the same byte', async () => {
  for (const { providerId } of copies) {
    const provider = at(providerId);
    const parts: Uint8Array[] = [];
    for await (const part of createPieceStore({ network: net.network }).download(piece.pieceCid)) {
      if (parts.push(Uint8Array.from(part)) > 1) continue;
      provider.service.kill('SIGKILL');
      await provider.service.exited;
    }
    expect(Buffer.compare(concatBytes(...parts), bytes)).toBe(0);
    const port = Number(new URL(provider.service.url).port);
    provider.service = await net.provider(provider.name, { port, proveEveryMs: 100 });
  }
});

test('a copy whose files are deleted is put on record, and made anew at the third provider', async () => {
  const [lost, kept] = copies as [CopyRef, CopyRef];
  await rm(path.join(net.dir, at(lost.providerId).name, 'pieces', piece.pieceCid));
  expect(Buffer.compare(await download(), bytes)).toBe(0);
  revoked = true; // its seller may be delisting it: nothing is stored anew, and its permits are not kept
  await watchStorage(deps);
  expect(records()).toEqual(['possession-fault']);
  expect(await deps.storage.permitsOf(keyId, seller.address, new Date())).toEqual([]);
  revoked = false;
  await deps.storage.savePermits(keyId, permits);
  await watchStorage(deps);
  expect(faults).toEqual([]);
  expect(records().toSorted()).toEqual(['copy-repaired', 'possession-fault']);
  const [fault] = log.ofType('possession-fault');
  expect(fault?.predicate).toMatchObject({ ...lost, kind: 'piece-missing', position: { sequence: 1 } });
  const third = 6 - lost.providerId - kept.providerId;
  const [repaired] = log.ofType('copy-repaired');
  expect(repaired?.predicate).toMatchObject({ replacedDataSetId: lost.dataSetId, providerId: third });
  expect(await held(third)).toBe(true);
  // It is of this version; of one that has a piece more it is no copy, and so no lost one.
  const more = new PieceHasher().write(bytes.subarray(1)).digest();
  const ofVersion = async (pieceCids: string[]) =>
    (await chain.copiesOf(seller.address, datasetId, pieceCids)).map(({ providerId }) => providerId);
  expect(await ofVersion([piece.pieceCid])).toContain(third);
  expect(await ofVersion([piece.pieceCid, more])).toEqual([]);
  expect(await notices()).toEqual(['copy-repaired', 'possession-fault']);
  await watchStorage(deps);
  expect(records()).toHaveLength(2);
});

test('a record that was fixed and not appended when the worker died is appended by the next round', async () => {
  const [, kept] = copies as [CopyRef, CopyRef];
  const provider = at(kept.providerId);
  provider.service.kill('SIGKILL');
  await provider.service.exited;
  expect(Buffer.compare(await download(), bytes)).toBe(0);
  await watchStorage(deps);
  expect(records()).toHaveLength(2); // a first silence is no fault
  log.failNext = 'lost';
  await watchStorage(deps);
  expect([records().length, faults.length]).toEqual([2, 1]);
  await watchStorage(deps);
  expect(log.ofType('possession-fault').at(-1)?.predicate).toMatchObject({ ...kept, kind: 'unreachable' });
  expect(await notices()).toContain('copy-not-repaired'); // no provider is left to make one
  provider.service = await net.provider(provider.name, { port: Number(new URL(provider.service.url).port) });
  await watchStorage(deps);
  const row = (await deps.storage.copiesOf(keyId)).find(({ dataSetId }) => dataSetId === kept.dataSetId);
  expect([row?.fault, row?.silent]).toEqual([null, 0]);
});

test('a seller is warned once at 30, 7 and 1 days, as the deposit runs down by the epoch, and again after a top-up', async () => {
  const { rpcUrl } = net.network;
  // Each transaction of theirs would be an epoch, and what they leave unproven would be given back: here days go by as the test mines.
  await Promise.all([...providers.values()].map(async ({ service }) => service.stop()));
  const anvil = createTestClient({ mode: 'anvil', transport: http(rpcUrl) })
    .extend(publicActions)
    .extend(walletActions);
  /** Takes the rest of the deposit out again. */
  const leaveDays = async (days: number): Promise<void> => {
    const { availableWei, ratePerEpochWei } = await chain.accountOf(seller.address);
    const rest = availableWei - ratePerEpochWei * BigInt(days * 2_880 + 10);
    await createSellerStorage({ network: net.network, account: seller }).withdraw(rest);
  };
  const round = async (): Promise<[days: number, warnings: number]> => {
    await watchStorage(deps);
    return [runwayDays(await chain.accountOf(seller.address)), log.ofType('storage-warning').length];
  };
  expect((await round())[1]).toBe(0);
  const seen: [number, number][] = [];
  for (const days of [31, 8, 2]) {
    await leaveDays(days);
    seen.push(await round());
    while (runwayDays(await chain.accountOf(seller.address)) === days) await anvil.mine({ blocks: 20 });
    seen.push(await round());
  }
  expect(seen).toEqual([[31, 0], [30, 1], [8, 1], [7, 2], [2, 2], [1, 3]]); // prettier-ignore
  expect((await round())[1]).toBe(3);
  const { ratePerEpochWei } = await chain.accountOf(seller.address);
  await createSellerStorage({ network: net.network, account: seller }).topUp(ratePerEpochWei * 2_880n * 60n);
  expect(await round()).toEqual([61, 3]);
  await leaveDays(29);
  expect(await round()).toEqual([29, 4]);
  const warned = log.ofType('storage-warning').map(({ predicate }) => predicate);
  expect(warned.map((predicate) => (predicate as { daysLeft: number }).daysLeft)).toEqual([30, 7, 1, 29]);
  expect((await notices()).filter((kind) => kind === 'storage-warning')).toHaveLength(4);
  await Promise.all(
    [...providers.values()].map(async (provider) => {
      const port = Number(new URL(provider.service.url).port);
      provider.service = await net.provider(provider.name, { port, proveEveryMs: 100 });
    }),
  );
});

test('top-up lengthens the runway; delisting ends each service and has the pieces deleted', async () => {
  const wallet = createSellerStorage({ network: net.network, account: seller });
  const before = await chain.accountOf(seller.address);
  await wallet.topUp(parseEther('1'));
  const after = await chain.accountOf(seller.address);
  expect(after.depositWei - before.depositWei).toBeGreaterThan(parseEther('0.99')); // pay is collected meanwhile
  expect(after.runwayEpochs).toBeGreaterThan(before.runwayEpochs);

  const ended = await wallet.end(datasetId);
  expect(ended.map(({ deleting }) => deleting)).toEqual([1, 1, 1]);
  expect(await chain.copiesOf(seller.address, datasetId)).toEqual([]);
  expect((await chain.accountOf(seller.address)).ratePerEpochWei).toBe(0n);
  expect((await wallet.end(datasetId)).every(({ deleting }) => deleting === 0)).toBe(true);

  // What is left of them is seen by the watch: no copy that is well, and money held until its rail ends.
  await watchStorage(deps);
  const left = await chain.endedCopiesOf(seller.address, datasetId);
  const seen = await deps.storage.copiesOf(keyId);
  expect(seen.map(({ dataSetId, fault }) => ({ dataSetId, fault }))).toEqual(
    left.map(({ dataSetId }) => ({ dataSetId, fault: null })),
  );
  for (const { endsAt, heldWei } of seen) {
    expect(heldWei).toBeGreaterThan(0n);
    expect(endsAt?.getTime()).toBeGreaterThan(Date.now());
  }
});
