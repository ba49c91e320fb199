import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { network, testDir, testTerminal } from '../../../test/support/cli.js';
import { market, parties } from '../../../test/support/provenance-story.js';
import { sealPiece } from '../../../test/support/seal-piece.js';
import { PieceHasher } from '../../../web3/filecoin/commp.js';
import { manifestSchema, type Manifest, type Terms } from '../../catalog/manifest.js';
import {
  jsonDigest,
  keyIdOf,
  offerFromJson,
  sha256Hex,
  toHex,
  WeighbridgeError,
  type Bytes32,
  type Offer,
} from '../../kernel/index.js';
import { shardKeyOf, unwrapShardKey, wrapShardKey, type RepairPermit } from '../../storage/index.js';
import type { Dataset } from '../api/schemas.js';
import { signOffer } from '../publish/offer.js';
import { shardSecretFile } from '../state/shard-secret.js';
import type { StateDir } from '../state/state-dir.js';
import { rotate, type RotateDeps, type Rotated } from './rotate.js';

// Real: the envelope, keys, signatures, the journal on disk. Faked at their ports: provider, key nodes, chain, marketplace.
const seller = parties.seller;
const datasetId: Bytes32 = `0x${'0d'.repeat(32)}`;
const secret = Buffer.alloc(32, 7);
const FRAME_BYTES = 4096;
const terms: Terms = {
  version: 1,
  title: 'Terms',
  text: 'Be kind.',
  purposes: ['research'],
  licenceDays: 30,
  privacy: { trainingWithoutPrivacy: true },
};

let state: StateDir;
let remove: () => Promise<void>;
let pieces: Map<string, Uint8Array>;
let first: Dataset;
let listings: { manifest: Manifest; offer: Offer }[];
let versionKeys: Buffer[];
let fetched: number;
let revoked: boolean;
let failing: boolean;
let noPermits: boolean;
let left: [Bytes32, RepairPermit[]][];

beforeEach(async () => {
  ({ state, remove } = await testDir());
  const file = shardSecretFile(state.root, seller.address);
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(file, `${secret.toString('hex')}\n`, { mode: 0o600 });
  pieces = new Map();
  [listings, versionKeys, left, fetched, revoked, failing, noPermits] = [[], [], [], 0, false, false, false];
  first = await datasetOf(1);
});
afterEach(async () => remove());

/** A listed version of three shards, as `publish` leaves it. */
async function datasetOf(keyEpoch: number): Promise<Dataset> {
  const keyId = keyIdOf(seller.address, datasetId, 1);
  const versionKey = Buffer.alloc(32, 1);
  const listed = [1, 2, 3].map((n, number, all) => {
    const shardId: Bytes32 = `0x${String(n).repeat(64)}`;
    const shardKey = shardKeyOf(secret, { datasetId, keyEpoch, shardId });
    const bytes = sealPiece(shardKey, { datasetId, shardId, frameBytes: FRAME_BYTES }, Buffer.alloc(100_000, n));
    const pieceCid = new PieceHasher().write(bytes).digest();
    pieces.set(pieceCid, bytes);
    const wrappedKey = toHex(wrapShardKey(versionKey, { keyId, shardId, number, count: all.length }, shardKey.key));
    return { pieceCid, sizeBytes: bytes.length, rowCount: 10, shardId, wrappedKey };
  });
  const manifest = manifestSchema.parse({
    version: 1,
    datasetId,
    datasetVersion: 1,
    keyId,
    title: 'Test data',
    description: '',
    tags: [],
    rowCount: 30,
    columns: [{ name: 'x', type: 'integer' }],
    encryption: { scheme: 'weighbridge-envelope-v1', frameBytes: FRAME_BYTES },
    format: 'parquet',
    pieces: listed,
    wrappedKey: wrapped(versionKey, keyId),
  } satisfies Manifest);
  const offer: Offer = {
    datasetId,
    version: 1,
    seller: seller.address,
    price: 8n,
    nodeFee: 1n,
    pricePerEpsilon: 0n,
    maxEpsilonMicros: 0n,
    payees: [{ to: seller.address, amount: 7n }],
    operators: [parties.operator.address],
    termsDigest: `0x${jsonDigest(terms)}`,
    manifestDigest: `0x${jsonDigest(manifest)}`,
    validUntil: 1n,
  };
  const { offer: json, signature } = await signOffer(market, seller, offer, keyId, new Date(0));
  const listing = { manifest, terms, offer: json, offerSignature: signature };
  return { ...listing, id: keyId, seller: seller.address, datasetId, version: 1 } as unknown as Dataset;
}

function wrapped(dataKey: Uint8Array, keyId: Bytes32) {
  const condition = { chainId: market.chainId, marketplace: market.contract, keyId };
  const dataToEncryptHash = sha256Hex(dataKey);
  return { scheme: 'lit-bls12381-v1' as const, ciphertext: 'd3JhcHBlZA==', dataToEncryptHash, condition };
}

const unused = async () => Promise.reject(new Error('not used'));

async function run(): Promise<Rotated> {
  const offers: Offer[] = [];
  return rotate(first.id, 30, {
    ui: testTerminal().ui,
    network,
    account: seller,
    state,
    now: () => new Date('2026-11-26T12:00:00Z'),
    api: {
      dataset: async () => first,
      listDataset: async (input) => {
        if (failing) throw new WeighbridgeError('UNAVAILABLE', 'broken', { next: 'Repair the test.' });
        const { manifest, offer } = input as unknown as { manifest: Manifest; offer: never };
        listings.push({ manifest: manifestSchema.parse(manifest), offer: offerFromJson(offer) });
        return { id: manifest.keyId, logIndex: 7 };
      },
      permitRepairs: async (dataset, permits) => {
        left.push([dataset, permits]);
        return permits.length;
      },
    },
    adapters: {
      pieceParts: async () => ({
        part: async (pieceCid, from, to) => {
          const bytes = pieces.get(pieceCid)?.subarray(from, to) ?? new Uint8Array(0);
          fetched += bytes.length;
          return bytes;
        },
      }),
      storageNetwork: async () =>
        ({ copiesOf: async () => [1, 2].map((id) => ({ providerId: id, dataSetId: id })) }) as never,
      sellerStorage: async () => ({
        ready: unused,
        prepareRepairs: unused,
        permitRepairs: async (dataset, pieceCids) => {
          if (noPermits) throw new WeighbridgeError('CHAIN_UNAVAILABLE', 'away', { next: 'Wait.', retryable: true });
          const calls = [{ pieceCids, extraData: dataset }];
          const validUntil = '2027-05-25T00:00:00Z';
          return [{ providerId: 3, payer: seller.address, clientDataSetId: '1', calls, validUntil }];
        },
        topUp: unused,
        settleEnded: unused,
        withdraw: unused,
        end: unused,
      }),
      keyWrapper: async () => ({
        wrap: async (dataKey, keyId) => {
          versionKeys.push(Buffer.from(dataKey));
          return wrapped(dataKey, keyId);
        },
        close: async () => undefined,
      }),
      sellerChain: async () => ({
        listOffer: async (offer) => {
          offers.push(offer);
          return `0x${'ab'.repeat(32)}`;
        },
        offerOf: async () => `0x${'00'.repeat(32)}`,
        isRevoked: async () => revoked,
        revoke: unused,
        revokeLicence: unused,
      }),
    },
  } satisfies RotateDeps);
}

it('lists the same pieces under a new key, and fetches no more than a frame', async () => {
  const done = await run();
  const [listing] = listings;
  if (listing === undefined) throw new Error('nothing listed');
  const { manifest, offer } = listing;
  expect(done).toEqual({
    id: keyIdOf(seller.address, datasetId, 2),
    version: 2,
    pieces: 3,
    logIndex: 7,
    already: false,
  });
  const bare = (from: Manifest) => from.pieces.map(({ wrappedKey: _key, ...piece }) => piece);
  expect(bare(manifest)).toEqual(bare(first.manifest));
  manifest.pieces.forEach(({ shardId, wrappedKey }, number) => {
    const place = { keyId: done.id, shardId, number, count: 3 };
    const key = unwrapShardKey(versionKeys[0] ?? Buffer.alloc(32), place, Buffer.from(wrappedKey, 'hex'));
    expect(key).toEqual(Buffer.from(shardKeyOf(secret, { datasetId, keyEpoch: 1, shardId }).key));
    expect(wrappedKey).not.toBe(first.manifest.pieces[number]?.wrappedKey);
  });
  const before = offerFromJson(first.offer);
  expect(offer).toMatchObject({
    price: before.price,
    payees: before.payees,
    termsDigest: before.termsDigest,
    version: 2,
  });
  expect(offer.manifestDigest).toBe(`0x${jsonDigest(manifest)}`);
  expect(fetched).toBeLessThan(2 * FRAME_BYTES);
});

it('leaves permits for the copies of the new version, and lists it without them if need be', async () => {
  const { id } = await run();
  const pieceCids = first.manifest.pieces.map(({ pieceCid }) => pieceCid);
  expect(left).toMatchObject([[id, [{ providerId: 3, calls: [{ pieceCids, extraData: datasetId }] }]]]);
  noPermits = true;
  expect(await run()).toMatchObject({ id, version: 2 });
});

it('interrupted, goes on under the key that it took', async () => {
  failing = true;
  await expect(run()).rejects.toThrow('broken');
  failing = false;
  expect(await run()).toMatchObject({ already: false });
  expect(versionKeys).toHaveLength(1);
  expect(await run()).toMatchObject({ version: 2, already: true });
  expect(listings).toHaveLength(1);
});

it('is refused after a revocation: the shards need keys of their own', async () => {
  revoked = true;
  await expect(run()).rejects.toMatchObject({
    code: 'SHARD_KEY_REFUSED',
    next: expect.stringContaining('--new-version-of'),
  });
  expect(listings).toEqual([]);
});

it('is refused with another shard secret, whose keys would open nothing', async () => {
  await writeFile(shardSecretFile(state.root, seller.address), `${'0f'.repeat(32)}\n`);
  await expect(run()).rejects.toMatchObject({ code: 'SHARD_KEY_REFUSED' });
  expect(versionKeys).toEqual([]);
});
