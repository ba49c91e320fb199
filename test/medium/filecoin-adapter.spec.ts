// Real: the storage contracts and providers of whatever deployment the environment names (docs/filecoin.md, "Other deployments"),
// else a devnet of its own with three providers; the unmodified SDK. Faked: nothing. Every call that the adapter makes is made.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setOperatorApproval } from '@filoz/synapse-core/pay';
import { parseEther, type LocalAccount } from 'viem';
import { waitForTransactionReceipt } from 'viem/actions';
import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { concatBytes, toHex, type Address, type Bytes32, type Hex, type Network } from '../../src/kernel/index.js';
import type { CopyRef, RepairPermit, StoredPiece } from '../../src/storage/index.js';
import { PieceHasher } from '../../web3/filecoin/commp.js';
import { createPieceStore } from '../../web3/filecoin/piece-store.js';
import { createSellerStorage, type SellerStorage } from '../../web3/filecoin/seller-storage.js';
import { createStorageNetwork, type FilecoinNetwork } from '../../web3/filecoin/storage-network.js';
import { focSigner } from '../../web3/filecoin/store/foc-client.js';
import { sdkCallsOf } from '../support/sdk-calls.js';
import { startStorageNet, testNetwork } from '../support/storage-net.js';

/** Notes what is called of the SDK; every call goes on to the SDK itself. */
const { called, noting } = vi.hoisted(() => {
  const called = new Set<string>();
  const noted = (name: string, value: unknown): unknown => {
    if (typeof value !== 'function') return value;
    return new Proxy(value, {
      apply: (target, self, args): unknown => {
        called.add(name);
        return Reflect.apply(target, self, args);
      },
    });
  };
  const noting = (module: string) => async (original: () => Promise<object>) =>
    Object.fromEntries(
      Object.entries(await original()).map(([name, value]) => [name, noted(`${module}.${name}`, value)]),
    );
  return { called, noting };
});
vi.mock('@filoz/synapse-core/chains', noting('chains'));
vi.mock('@filoz/synapse-core/endorsements', noting('endorsements'));
vi.mock('@filoz/synapse-core/erc20', noting('erc20'));
vi.mock('@filoz/synapse-core/pay', noting('pay'));
vi.mock('@filoz/synapse-core/pdp-verifier', noting('pdp-verifier'));
vi.mock('@filoz/synapse-core/piece', noting('piece'));
vi.mock('@filoz/synapse-core/session-key', noting('session-key'));
vi.mock('@filoz/synapse-core/sp', noting('sp'));
vi.mock('@filoz/synapse-core/sp-registry', noting('sp-registry'));
vi.mock('@filoz/synapse-core/typed-data', noting('typed-data'));
vi.mock('@filoz/synapse-core/utils', noting('utils'));
vi.mock('@filoz/synapse-core/warm-storage', noting('warm-storage'));

const DAY_MS = 86_400_000;
const LONG_MS = 20 * 60_000;
const COPIES = 2;
/** A new one each run: on a lasting deployment the last run's data sets are there still. */
const dataset: Bytes32 = `0x${toHex(randomBytes(32))}`;
const bytes = randomBytes(300_000);
const second = randomBytes(1000);
const piece: StoredPiece = { pieceCid: new PieceHasher().write(bytes).digest(), sizeBytes: bytes.length };

let stop: () => Promise<void> = async () => undefined;
let network: Network;
let payer: LocalAccount;
let chain: FilecoinNetwork;
let wallet: SellerStorage;
let copies: CopyRef[] = [];
let permits: RepairPermit[] = [];

beforeAll(async () => {
  ({ network, payer } = (await named()) ?? (await ownDevnet()));
  chain = createStorageNetwork({ network });
  wallet = createSellerStorage({ network, account: payer });
}, 300_000);
afterAll(async () => stop());

/** The deployment of the environment: a JSON file with `chainId`, `rpcUrl` and `contracts`, and a funded key. */
async function named(): Promise<{ network: Network; payer: LocalAccount } | undefined> {
  const { WEIGHBRIDGE_FOC_NETWORK: file, WEIGHBRIDGE_FOC_KEY_FILE: keyFile } = process.env;
  if (file === undefined || keyFile === undefined) return undefined;
  const { chainId, rpcUrl, contracts } = JSON.parse(readFileSync(file, 'utf8')) as {
    chainId: number;
    rpcUrl: string;
    contracts: Record<string, Address>;
  };
  const nowhere = '0x0000000000000000000000000000000000000001';
  const all = { marketplace: nowhere, logAnchor: nowhere, ...contracts } as unknown as Network['contracts'];
  const key = readFileSync(keyFile, 'utf8').trim() as Hex;
  return { network: testNetwork(rpcUrl, all, chainId), payer: privateKeyToAccount(key) };
}

async function ownDevnet(): Promise<{ network: Network; payer: LocalAccount }> {
  const net = await startStorageNet();
  stop = async () => net.stop();
  for (const name of ['provider', 'provider-2', 'provider-3']) await net.provider(name);
  return { network: net.network, payer: await net.account(parseEther('10')) };
}

async function* one(block: Uint8Array): AsyncGenerator<Uint8Array> {
  yield block;
}

test(
  'versions are compared, providers chosen, money paid in, and a dataset is stored at two of them',
  async () => {
    const session = await createPieceStore({ network, account: payer, dataset, copies: COPIES }).open(piece.sizeBytes);
    expect(await session.holds(piece.pieceCid)).toBe(false);
    await session.send(one(bytes), () => piece.pieceCid);
    expect(await session.holds(piece.pieceCid)).toBe(true);
    copies = await session.commit([piece]);
    expect(new Set(copies.map(({ providerId }) => providerId)).size).toBe(COPIES);
    expect(await session.commit([piece])).toEqual(copies);
  },
  LONG_MS,
);

test(
  'a wallet that took its approval back gives it again, and a second piece goes into the same data sets',
  async () => {
    const signer = focSigner(network, payer);
    const hash = await setOperatorApproval(signer, { approve: false });
    await waitForTransactionReceipt(signer, { hash });
    const more = { pieceCid: new PieceHasher().write(second).digest(), sizeBytes: second.length };
    const session = await createPieceStore({ network, account: payer, dataset, copies: COPIES }).open(more.sizeBytes);
    await session.send(one(second), () => more.pieceCid);
    expect(await session.commit([more])).toEqual(copies);
    expect((await chain.copiesOf(payer.address, dataset, [more.pieceCid])).map(({ pieceCount }) => pieceCount)).toEqual(
      [2, 2],
    );
  },
  LONG_MS,
);

test(
  'anyone finds the copies, their state and what pays for them, and reads the piece',
  async () => {
    const states = await chain.copiesOf(payer.address, dataset, [piece.pieceCid]);
    expect(states.map(({ dataSetId }) => dataSetId)).toEqual(
      copies.map(({ dataSetId }) => dataSetId).toSorted((a, b) => a - b),
    );
    for (const state of states) {
      expect(await chain.presence(state, [piece.pieceCid])).toBe('held');
      expect(await chain.sample(state, piece.pieceCid)).toBe('good');
      expect(state.pieceCount).toBe(2);
      expect(state.ratePerEpochWei).toBeGreaterThan(0n);
    }
    const account = await chain.accountOf(payer.address);
    expect(account.depositWei).toBeGreaterThan(0n);
    expect(account.fundedUntilEpoch).toBeGreaterThan(account.epoch);
    const parts: Uint8Array[] = [];
    for await (const part of createPieceStore({ network }).download(piece.pieceCid)) parts.push(Uint8Array.from(part));
    expect(Buffer.compare(concatBytes(...parts), bytes)).toBe(0);
  },
  LONG_MS,
);

test(
  'the wallet tops up, takes out what is free and no more, and permits a further copy, which is then made without it',
  async () => {
    const before = await chain.accountOf(payer.address);
    await wallet.topUp(10n ** 16n);
    // A provider may collect its pay meanwhile.
    expect((await chain.accountOf(payer.address)).depositWei - before.depositWei).toBeGreaterThan(9n * 10n ** 15n);
    const paidIn = await chain.accountOf(payer.address);
    await wallet.withdraw(5n * 10n ** 15n);
    const paidOut = await chain.accountOf(payer.address);
    expect(paidIn.depositWei - paidOut.depositWei).toBeGreaterThanOrEqual(5n * 10n ** 15n);
    await expect(wallet.withdraw(paidOut.availableWei + 1n)).rejects.toMatchObject({ code: 'NO_BALANCE' });
    permits = await wallet.permitRepairs(dataset, [piece.pieceCid], DAY_MS);
    const [permit] = permits;
    if (permit === undefined) return; // a deployment without a spare provider
    const sources = (await chain.copiesOf(payer.address, dataset)).map(({ serviceUrl }) => serviceUrl);
    const made = await chain.repair(permit, sources);
    expect(await chain.repair(permit, sources)).toBe(made);
    const states = await chain.copiesOf(payer.address, dataset, [piece.pieceCid]);
    expect(states.map(({ dataSetId }) => dataSetId)).toContain(made);
  },
  LONG_MS,
);

test(
  'delisting has every copy deleted and stops paying',
  async () => {
    const spare = permits.slice(0, 1).map(({ providerId }) => providerId);
    const ended = await wallet.end(dataset);
    expect(ended.map(({ deleting, refused }) => [deleting, refused])).toEqual(
      ended.map(({ providerId }) => [spare.includes(providerId) ? 1 : 2, 0]),
    );
    expect(ended).toHaveLength(COPIES + (permits.length > 0 ? 1 : 0));
    expect(await chain.copiesOf(payer.address, dataset)).toEqual([]);
    const left = await chain.endedCopiesOf(payer.address, dataset);
    expect(left.map(({ settled, endEpoch, epoch }) => [settled, endEpoch > epoch])).toEqual(
      ended.map(() => [false, true]),
    );
    expect(await wallet.settleEnded()).toBe(0); // their ends are 30 days away
  },
  LONG_MS,
);

test('no call that the adapter makes of the SDK was left out', async () => {
  // Asked only about providers that have missed proofs, of which a deployment may have none; and at the end of a service that was
  // ended, which filecoin-proofs.spec.ts goes to.
  const mayMiss = ['warm-storage.getDataSetCall', 'pay.settleRail'];
  const expected = await sdkCallsOf(path.join(import.meta.dirname, '../../web3/filecoin/store'));
  expect(expected.length).toBeGreaterThan(25);
  expect(expected.filter((call) => !called.has(call) && !mayMiss.includes(call))).toEqual([]);
});
