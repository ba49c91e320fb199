// Real: anvil, the storage contracts, the storage provider process and its disk, the unmodified SDK. Faked: time; the test mines.
import { randomBytes } from 'node:crypto';
import { readdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createTestClient, http, parseEther, publicActions, type Hex } from 'viem';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { filecoinWarmStorageServiceAbi } from '../../web3/chain/abi/filecoin-warm-storage-service.js';
import { filecoinWarmStorageServiceStateViewAbi } from '../../web3/chain/abi/filecoin-warm-storage-service-state-view.js';
import { pdpVerifierAbi } from '../../web3/chain/abi/pdp-verifier.js';
import type { ProviderService } from '../../web3/devnet/provider.js';
import { PieceHasher } from '../../web3/filecoin/commp.js';
import { createPieceStore } from '../../web3/filecoin/piece-store.js';
import { putPiece } from '../support/put-piece.js';
import { startStorageNet, type StorageNet } from '../support/storage-net.js';

const SET = [1n] as const;
const PROVING = { periodEpochs: 30, windowEpochs: 15 };
const WAIT = { timeout: 60_000, interval: 100 };

let net: StorageNet;
let provider: ProviderService;
let pieces: string;

const chainOf = (rpcUrl: string) => createTestClient({ mode: 'anvil', transport: http(rpcUrl) }).extend(publicActions);
let chain: ReturnType<typeof chainOf>;
const pdp = () => ({ address: net.network.contracts.pdp, abi: pdpVerifierAbi }) as const;
const view = () => ({ address: net.network.contracts.fwssView, abi: filecoinWarmStorageServiceStateViewAbi }) as const;
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
    const store = createPieceStore({ network: net.network, account: await net.account(parseEther('10')), copies: 1 });
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
});
