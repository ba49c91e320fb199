// Real: anvil, the storage contracts, the storage provider process and its disk, the unmodified SDK. Faked: time; the test mines.
import { randomBytes } from 'node:crypto';
import { readdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createTestClient, http, parseEther, publicActions, type Hex, type LocalAccount } from 'viem';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Bytes32 } from '../../src/kernel/index.js';
import type { EndedCopyState } from '../../src/storage/index.js';
import { filecoinPayAbi } from '../../web3/chain/abi/filecoin-pay.js';
import { filecoinWarmStorageServiceAbi } from '../../web3/chain/abi/filecoin-warm-storage-service.js';
import { filecoinWarmStorageServiceStateViewAbi } from '../../web3/chain/abi/filecoin-warm-storage-service-state-view.js';
import { pdpVerifierAbi } from '../../web3/chain/abi/pdp-verifier.js';
import type { ProviderService } from '../../web3/devnet/provider.js';
import { PieceHasher } from '../../web3/filecoin/commp.js';
import { createPieceStore } from '../../web3/filecoin/piece-store.js';
import { createSellerStorage } from '../../web3/filecoin/seller-storage.js';
import { createStorageNetwork } from '../../web3/filecoin/storage-network.js';
import { rankedProviders } from '../../web3/filecoin/store/choose-providers.js';
import { focReader } from '../../web3/filecoin/store/foc-client.js';
import { putPiece } from '../support/put-piece.js';
import { startStorageNet, type StorageNet } from '../support/storage-net.js';

const SET = [1n] as const;
const PROVING = { periodEpochs: 30, windowEpochs: 15 };
const WAIT = { timeout: 60_000, interval: 100 };

let net: StorageNet;
let provider: ProviderService;
let pieces: string;
let payer: LocalAccount;
const dataset: Bytes32 = `0x${'d0'.repeat(32)}`;
const OTHER_DATASET: Bytes32 = `0x${'d1'.repeat(32)}`;
const IDLE_DATASET: Bytes32 = `0x${'d2'.repeat(32)}`;

const chainOf = (rpcUrl: string) => createTestClient({ mode: 'anvil', transport: http(rpcUrl) }).extend(publicActions);
let chain: ReturnType<typeof chainOf>;
const pdp = () => ({ address: net.network.contracts.pdp, abi: pdpVerifierAbi }) as const;
const view = () => ({ address: net.network.contracts.fwssView, abi: filecoinWarmStorageServiceStateViewAbi }) as const;
const pay = () => ({ address: net.network.contracts.filecoinPay, abi: filecoinPayAbi }) as const;
const head = async (): Promise<bigint> => chain.getBlockNumber({ cacheTime: 0 });
const randomness = async (epoch: bigint): Promise<bigint> =>
  chain.readContract({ ...pdp(), functionName: 'getRandomness', args: [epoch] });
const challengeEpoch = async (): Promise<bigint> =>
  chain.readContract({ ...pdp(), functionName: 'getNextChallengeEpoch', args: SET });
const deadline = async (): Promise<bigint> =>
  chain.readContract({ ...view(), functionName: 'provingDeadline', args: SET });

async function mineTo(epoch: bigint): Promise<void> {
  const missing = epoch - (await head());
  if (missing > 0n) await chain.mine({ blocks: Number(missing) });
}

/** Epochs at which the data set was proven. */
async function proofs(): Promise<bigint[]> {
  const events = await chain.getContractEvents({ ...pdp(), eventName: 'PossessionProven', fromBlock: 0n });
  return events.map(({ blockNumber }) => blockNumber);
}

async function faults(): Promise<(bigint | undefined)[]> {
  const service = { address: net.network.contracts.fwss, abi: filecoinWarmStorageServiceAbi } as const;
  const events = await chain.getContractEvents({ ...service, eventName: 'FaultRecord', fromBlock: 0n });
  return events.map(({ args }) => args.periodsFaulted);
}

/** Waits for a period whose challenge is still to come, and goes to where it is drawn. */
async function drawChallenge(): Promise<bigint> {
  await vi.waitUntil(async () => (await challengeEpoch()) > (await head()), WAIT);
  const epoch = await challengeEpoch();
  await mineTo(epoch + 1n);
  return epoch;
}

beforeAll(async () => {
  net = await startStorageNet({ proving: PROVING });
  chain = chainOf(net.network.rpcUrl);
});
afterAll(async () => net.stop());

test('nobody knows the randomness of an epoch before it, not even whoever knows all of the chain', async () => {
  const snapshot = await chain.snapshot();
  const next = (await head()) + 1n;
  await expect(randomness(next)).rejects.toThrow('Randomness precompile call failed');
  const drawn = new Set<bigint>();
  for (let i = 0; i < 3; i++) {
    const id = await chain.snapshot();
    await chain.mine({ blocks: 2 });
    drawn.add(await randomness(next));
    await chain.revert({ id });
  }
  expect(drawn.size).toBe(3);
  await chain.revert({ id: snapshot });
});

describe('a provider', () => {
  beforeAll(async () => {
    provider = await net.provider('provider', { proveEveryMs: 100 });
    pieces = path.join(net.dir, 'provider/pieces');
    payer = await net.account(parseEther('10'));
    const store = createPieceStore({ network: net.network, account: payer, dataset, copies: 1 });
    for (const sizeBytes of [1_500_000, 300]) {
      const bytes = randomBytes(sizeBytes);
      const file = path.join(net.dir, `piece-${sizeBytes}`);
      await writeFile(file, bytes);
      await putPiece(store, { pieceCid: new PieceHasher().write(bytes).digest(), sizeBytes }, file);
    }
  });

  test('proves its data set in every period, once', async () => {
    for (let period = 1; period <= 3; period++) {
      const drawn = await drawChallenge();
      await vi.waitUntil(async () => (await proofs()).length === period, WAIT);
      expect((await proofs()).at(-1)).toBeGreaterThan(drawn);
      await vi.waitUntil(async () => (await challengeEpoch()) > drawn, WAIT);
    }
    expect(await faults()).toEqual([]);
    expect(await readdir(path.join(net.dir, 'provider/trees'))).not.toEqual([]);
  });

  test('that is killed between signing a proof and its mining proves once all the same', async () => {
    const before = (await proofs()).length;
    const epoch = await challengeEpoch();
    await mineTo(epoch);
    await chain.setAutomine(false);
    try {
      await chain.mine({ blocks: 1 });
      const pool = async (): Promise<Hex[]> =>
        Object.values((await chain.getTxpoolContent()).pending).flatMap((of) => Object.values(of).map((tx) => tx.hash));
      await vi.waitUntil(async () => (await pool()).length > 0, WAIT);
      provider.kill('SIGKILL');
      await provider.exited;
      // The chain forgets it as well: only the provider's disk has it.
      for (const hash of await pool()) await chain.dropTransaction({ hash });
      const port = Number(new URL(provider.url).port);
      const again = net.provider('provider', { port, proveEveryMs: 100 });
      await vi.waitUntil(async () => (await pool()).length > 0, WAIT);
      await chain.setAutomine(true);
      await chain.mine({ blocks: 1 });
      provider = await again;
    } finally {
      await chain.setAutomine(true);
    }
    await vi.waitUntil(async () => (await challengeEpoch()) > epoch, WAIT);
    expect((await proofs()).length).toBe(before + 1);
    expect(await faults()).toEqual([]);
  });

  test('that has lost its pieces proves nothing, and the chain records the fault', async () => {
    const before = (await proofs()).length;
    await rename(pieces, `${pieces}.away`);
    try {
      const drawn = await drawChallenge();
      await mineTo((await deadline()) + 1n);
      await vi.waitUntil(async () => (await challengeEpoch()) > drawn, WAIT);
      expect([(await proofs()).length, await faults()]).toEqual([before, [1n]]);
    } finally {
      await rename(`${pieces}.away`, pieces);
    }
    await drawChallenge();
    await vi.waitUntil(async () => (await proofs()).length === before + 1, WAIT);
  });

  test('that was away for periods goes on, and the chain records each that it missed', async () => {
    await provider.stop();
    const missed = BigInt(2 * PROVING.periodEpochs);
    await vi.waitUntil(async () => (await deadline()) > (await head()), WAIT);
    await mineTo((await deadline()) + missed + 1n);
    const before = (await proofs()).length;
    provider = await net.provider('provider', { port: Number(new URL(provider.url).port), proveEveryMs: 100 });
    await drawChallenge();
    await vi.waitUntil(async () => (await proofs()).length === before + 1, WAIT);
    expect((await faults()).at(-1)).toBeGreaterThanOrEqual(2n);
  });

  test('is chosen after others, once the chain has faults of it', async () => {
    const [ranked] = await rankedProviders(focReader(net.network), undefined);
    expect(ranked?.faults).toBe((await faults()).reduce<number>((sum, periods) => sum + Number(periods), 0));
    expect(ranked?.faults).toBeGreaterThan(2);
  });

  test('is paid by the epoch, for the periods that it has proven and for no other', async () => {
    const { pdpRailId: railId } = await chain.readContract({ ...view(), functionName: 'getDataSet', args: SET });
    const activation = await chain.readContract({ ...view(), functionName: 'provingActivationEpoch', args: SET });
    const railAt = async (blockNumber: bigint) =>
      chain.readContract({ ...pay(), functionName: 'getRail', args: [railId], blockNumber });
    // The end of the periods that it was away for.
    const away = activation + BigInt(6 * PROVING.periodEpochs);
    await vi.waitUntil(async () => (await railAt(await head())).settledUpTo > away, WAIT);
    const blockNumber = await head();
    const { settledUpTo, paymentRate, to } = await railAt(blockNumber);
    let [earnedWei, unpaidEpochs] = [0n, 0];
    for (let epoch = activation + 1n; epoch <= settledUpTo; epoch++) {
      const period = (epoch - activation - 1n) / BigInt(PROVING.periodEpochs);
      const proven = await chain.readContract({ ...view(), functionName: 'provenPeriods', args: [SET[0], period] });
      if (proven) earnedWei += paymentRate;
      else unpaidEpochs++;
    }
    const events = {
      ...pay(),
      eventName: 'RailSettled',
      args: { railId },
      fromBlock: 0n,
      toBlock: blockNumber,
    } as const;
    const settled = (await chain.getContractEvents(events)).map(({ args }) => args);
    expect(settled.reduce((sum, { totalSettledAmount = 0n }) => sum + totalSettledAmount, 0n)).toBe(earnedWei);
    expect(earnedWei).toBeGreaterThan(paymentRate * BigInt(3 * PROVING.periodEpochs));
    expect(unpaidEpochs).toBeGreaterThanOrEqual(3 * PROVING.periodEpochs);
    const account = {
      ...pay(),
      functionName: 'accounts',
      args: [net.network.contracts.usdfc, to],
      blockNumber,
    } as const;
    const [fundsWei] = await chain.readContract(account);
    expect(fundsWei).toBe(settled.reduce((sum, { totalNetPayeeAmount = 0n }) => sum + totalNetPayeeAmount, 0n));
  });

  test('deletes what it is asked to once the chain has dropped it, and not before; killed meanwhile too', async () => {
    const stored = (await readdir(pieces)).length;
    const epoch = await challengeEpoch();
    expect(await createSellerStorage({ network: net.network, account: payer }).end(dataset)).toMatchObject([
      { deleting: stored, refused: 0 },
    ]);
    provider.kill('SIGKILL');
    await provider.exited;
    provider = await net.provider('provider', { port: Number(new URL(provider.url).port), proveEveryMs: 100 });
    expect(await readdir(pieces)).toHaveLength(stored); // the running period is proven still
    await mineTo((await challengeEpoch()) + 1n);
    await vi.waitUntil(async () => (await challengeEpoch()) !== epoch, WAIT);
    await vi.waitUntil(async () => (await readdir(pieces)).length === 0, WAIT);
    expect(await readdir(path.join(net.dir, 'provider/trees'))).toEqual([]);
    expect(await chain.readContract({ ...pdp(), functionName: 'getActivePieceCount', args: SET })).toBe(0n);
    expect(await readdir(path.join(net.dir, 'provider/deletions'))).toEqual([]);
  });

  test('that is gone when its service has ended holds nothing back: the seller settles the rail, once', async () => {
    await shortenNotice();
    const { account, storage, seller } = await storeOneCopy(OTHER_DATASET);
    // Of a data set whose proving never began, nothing is validated, and so nothing is settled.
    const [stored] = await storage.copiesOf(account.address, OTHER_DATASET);
    const args = [BigInt(stored?.dataSetId ?? 0)] as const;
    const began = async () => chain.readContract({ ...view(), functionName: 'provingActivationEpoch', args });
    await vi.waitUntil(async () => (await began()) > 0n, WAIT);
    await seller.end(OTHER_DATASET);
    await provider.stop();
    const endedCopy = async (): Promise<EndedCopyState> => {
      const [copy, ...more] = await storage.endedCopiesOf(account.address, OTHER_DATASET);
      if (copy === undefined || more.length > 0) throw new Error('one ended copy');
      return copy;
    };
    const running = await endedCopy();
    expect(running).toMatchObject({ settled: false, serviceUrl: expect.stringContaining('http') });
    expect(running.endEpoch).toBeGreaterThan(running.epoch);
    expect(running.heldWei).toBeGreaterThan(0n);
    expect(await storage.copiesOf(account.address, OTHER_DATASET)).toEqual([]);
    expect(await seller.settleEnded()).toBe(0); // not over yet
    // The proving period in which it ended is over then, too.
    await mineTo(running.endEpoch + BigInt(PROVING.periodEpochs) + 1n);
    const before = await storage.accountOf(account.address);
    const { heldWei } = await endedCopy();
    expect(await seller.settleEnded()).toBe(1);
    expect(await seller.settleEnded()).toBe(0);
    expect(await endedCopy()).toMatchObject({ settled: true, heldWei: 0n });
    const after = await storage.accountOf(account.address);
    // What was held and not proven is free again, and with it everything: the wallet may take it out.
    expect(after.availableWei - before.availableWei).toBe(heldWei - (before.depositWei - after.depositWei));
    expect(after.availableWei).toBe(after.depositWei);
    await seller.withdraw(after.availableWei);
    expect((await storage.accountOf(account.address)).depositWei).toBe(0n);
  });
});

test('what is held for a copy whose provider never began to prove stays held, and that is said', async () => {
  await shortenNotice();
  // It looks for what to prove after a minute, and is gone by then.
  const idle = await net.provider('idle', { proveEveryMs: 60_000 });
  const { account, storage, seller } = await storeOneCopy(IDLE_DATASET);
  await idle.stop();
  await seller.end(IDLE_DATASET);
  const ended = async () => (await storage.endedCopiesOf(account.address, IDLE_DATASET))[0];
  const running = await ended();
  expect(running).toMatchObject({ neverProved: true, settled: false });
  await mineTo((running?.endEpoch ?? 0n) + BigInt(PROVING.periodEpochs) + 1n);
  expect(await seller.settleEnded()).toBe(0);
  expect(await ended()).toMatchObject({ neverProved: true, settled: false, heldWei: running?.heldWei });
  // The rest is the seller's as ever.
  const { availableWei, depositWei } = await storage.accountOf(account.address);
  expect(depositWei - availableWei).toBe(running?.heldWei);
  await seller.withdraw(availableWei);
});

/** A new seller, with one piece in one copy. */
async function storeOneCopy(ofDataset: Bytes32) {
  const account = await net.account(parseEther('500'));
  const options = { network: net.network, account, dataset: ofDataset, copies: 1 };
  const [bytes, file] = [randomBytes(1000), path.join(net.dir, `piece-${ofDataset}`)];
  await writeFile(file, bytes);
  const pieceCid = new PieceHasher().write(bytes).digest();
  await putPiece(createPieceStore(options), { pieceCid, sizeBytes: bytes.length }, file);
  return { account, storage: createStorageNetwork({ network: net.network }), seller: createSellerStorage(options) };
}

/** A notice period, and a month, of 60 epochs for services that begin now: anvil takes minutes to mine the 86,400 of 30 days. */
async function shortenNotice(): Promise<void> {
  const address = net.network.contracts.fwss;
  const code = await chain.getCode({ address });
  const [period, short] = ['62015180', '6200003c']; // PUSH3 86,400 and PUSH3 60
  expect(code?.includes(period) || code?.includes(short)).toBe(true);
  await chain.setCode({ address, bytecode: (code ?? '0x').replaceAll(period, short) as Hex });
}
