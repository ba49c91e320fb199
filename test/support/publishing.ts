// What specs of `publish` share. Real: DuckDB, the threads with encryption and piece CIDs, signatures, the disk. Faked at
// their ports: storage, key nodes, chain, marketplace.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { manifestSchema, type Manifest, type Piece } from '../../src/catalog/manifest.js';
import { sha256Hex, utf8, WeighbridgeError, type Offer } from '../../src/kernel/index.js';
import type { MarketApi } from '../../src/cli/api/market-api.js';
import type { SealingThreads } from '../../src/cli/ports.js';
import type { PublishOptions } from '../../src/cli/publish/plan.js';
import { publish, type PublishDeps } from '../../src/cli/publish/publish.js';
import type { StateDir } from '../../src/cli/state/state-dir.js';
import { openShard, type UploadSession } from '../../src/storage/index.js';
import { PieceHasher } from '../../web3/filecoin/commp.js';
import { noBalance } from '../../web3/filecoin/store/storage-errors.js';
import { builtSealingThreads } from './build.js';
import { network, testDir, testTerminal, type TestTerminal } from './cli.js';
import { market, parties } from './provenance-story.js';
import { inSteps } from './seal-piece.js';

export const seller = parties.seller;
/** Of the case that runs. */
export let dir: string;
export let state: StateDir;
export let world: World;
let remove: () => Promise<void>;
/** What the seller is told. */
export let terminal: TestTerminal;
/** Of every publish here: a command starts its own, and that takes longer than what is published here. */
let threads: SealingThreads;

/** For each case a seller's folder, with a file of 1,000 rows, its columns and terms, and an outside that remembers nothing. */
export function publishing(): void {
  beforeAll(async () => {
    threads = await builtSealingThreads();
  });
  afterAll(async () => threads?.close());
  beforeEach(async () => {
    ({ dir, state, remove } = await testDir());
    world = new World();
    terminal = testTerminal();
    const rows = Array.from(
      { length: 1000 },
      (_, i) => `${i % 17},${['a', 'b'][i % 2]},note ${i} ${sha256Hex(utf8(String(i)))}`,
    );
    await writeFile(path.join(dir, 'data.csv'), `x,y,note\n${rows.join('\n')}\n`);
    await writeFile(path.join(dir, 'data.columns.json'), '{"x": {"range": [0, 16]}, "y": {"vocabulary": ["a", "b"]}}');
    await writeFile(
      path.join(dir, 'terms.json'),
      JSON.stringify({
        version: 1,
        title: 'Terms',
        text: 'Be kind.',
        purposes: ['research'],
        licenceDays: 30,
        privacy: { trainingWithoutPrivacy: true },
      }),
    );
  });
  afterEach(async () => remove());
}

type Step = 'wrap' | 'send' | 'sent' | 'commit' | 'committed' | 'listOffer' | 'listed-on-chain' | 'api' | 'listed';

/** What the outside remembers, and where it breaks. */
export class World {
  readonly uploads: { pieceCid: string; bytes: Buffer }[] = [];
  readonly commits: string[] = [];
  readonly offers: Offer[] = [];
  readonly listings: Record<string, unknown>[] = [];
  revoked = false;
  /** The newest version's key. */
  dataKey: Buffer | undefined;
  wraps = 0;
  /** Shards that were encrypted. */
  seals = 0;
  /** Throws when the named step is about to happen, or has just happened. */
  break: Step | undefined;
  sendsBeforeBreak = 0;
  sends = 0;
  /** How long the provider takes to say what it holds. */
  lookUpMs = 0;
  /** How many pieces the seller can pay for. */
  affordedPieces = Infinity;
  /** Of threads on a machine without native hashing. */
  hashNotice: string | undefined;
  /** A send waits for it, and says that it does. */
  gate: Promise<void> = Promise.resolve();
  atGate: () => void = () => undefined;

  at(step: Step): void {
    if (this.break === step)
      throw new WeighbridgeError('UNAVAILABLE', `broken at ${step}`, { next: 'Repair the test.' });
  }

  /** A provider that hashes nothing: piece CIDs are held against the bytes in `plaintextOf`. */
  session(): UploadSession {
    return {
      holds: async (pieceCid) => {
        if (this.lookUpMs > 0) await sleep(this.lookUpMs);
        return this.uploads.some((upload) => upload.pieceCid === pieceCid);
      },
      send: async (source, pieceCid, onProgress) => {
        // Counted as they start: how many have ended by then is up to the machine.
        if (this.sends++ >= this.sendsBeforeBreak) this.at('send');
        this.atGate();
        await this.gate;
        const blocks: Buffer[] = [];
        for await (const block of source) blocks.push(Buffer.from(block)); // a copy: its memory is used again
        const bytes = Buffer.concat(blocks);
        onProgress?.(bytes.length);
        this.uploads.push({ pieceCid: pieceCid(), bytes });
        if (this.uploads.length > this.sendsBeforeBreak) this.at('sent');
      },
      commit: async (pieces) => {
        this.at('commit');
        for (const { pieceCid } of pieces.filter(({ pieceCid }) => !this.commits.includes(pieceCid))) {
          if (this.commits.length >= this.affordedPieces) throw noBalance({ neededWei: '7', balanceWei: '3' });
          this.commits.push(pieceCid);
        }
        this.at('committed');
        return [
          { providerId: 1, dataSetId: 1 },
          { providerId: 2, dataSetId: 2 },
        ];
      },
    };
  }
}

export function run(over: Partial<PublishOptions> = {}, file = 'data.csv') {
  const deps: PublishDeps = {
    ui: terminal.ui,
    network,
    account: seller,
    state,
    now: () => new Date('2026-11-25T12:00:00Z'),
    api: {
      listDataset: async (input: Record<string, unknown>) => {
        world.at('api');
        world.listings.push(input);
        world.at('listed');
        return { id: (input['manifest'] as Manifest).keyId, logIndex: 7 };
      },
      dataset: async () => {
        const { offer, ...listing } = world.listings.at(-1) ?? {};
        const { datasetId, datasetVersion: version, keyId: id } = manifest();
        return { ...listing, offer, id, seller: seller.address, datasetId, version };
      },
    } as unknown as MarketApi,
    adapters: {
      sellerStorage: async () => ({
        ready: async () => undefined,
        prepareRepairs: async () => undefined,
        permitRepairs: async () => [],
        topUp: async () => Promise.reject(new Error('not used')),
        settleEnded: async () => Promise.reject(new Error('not used')),
        withdraw: async () => Promise.reject(new Error('not used')),
        end: async () => Promise.reject(new Error('not used')),
      }),
      sealingThreads: async () => ({
        notice: world.hashNotice,
        digest: async (...file) => threads.digest(...file),
        seal: (...shard) => {
          world.seals++;
          return threads.seal(...shard);
        },
        close: async () => undefined,
      }),
      keyWrapper: async () => ({
        wrap: async (dataKey, keyId) => {
          world.at('wrap');
          world.wraps++;
          world.dataKey = Buffer.from(dataKey);
          const condition = { chainId: market.chainId, marketplace: market.contract, keyId };
          return {
            scheme: 'lit-bls12381-v1',
            ciphertext: 'd3JhcHBlZA==',
            dataToEncryptHash: sha256Hex(dataKey),
            condition,
          };
        },
        close: async () => undefined,
      }),
      pieceStore: async () => ({
        open: async () => world.session(),
        download: () => {
          throw new Error('a seller never downloads');
        },
      }),
      sellerChain: async () => ({
        listOffer: async (offer) => {
          world.at('listOffer');
          // Like the real one: the listed offer is not sent twice.
          if (!world.offers.some((one) => one.manifestDigest === offer.manifestDigest)) world.offers.push(offer);
          world.at('listed-on-chain');
          return `0x${'ab'.repeat(32)}`;
        },
        offerOf: async () => `0x${'00'.repeat(32)}`,
        isRevoked: async () => world.revoked,
        revoke: async () => Promise.reject(new Error('not used')),
        revokeLicence: async () => Promise.reject(new Error('not used')),
      }),
    },
  };
  const options: PublishOptions = {
    title: 'Test data',
    price: '5',
    terms: path.join(dir, 'terms.json'),
    label: 'y',
    tag: ['test'],
    operator: [],
    validDays: '30',
    ...over,
  };
  return publish(path.join(dir, file), options, deps);
}

/** Of the newest listing. */
export const manifest = () => manifestSchema.parse(world.listings.at(-1)?.['manifest']);

/** The Parquet bytes of a shard of the newest listing, opened as the trainer opens them. */
export async function plaintextOf(number: number): Promise<Buffer> {
  const { datasetId, keyId, pieces } = manifest();
  const piece = pieces[number];
  const bytes = world.uploads.find(({ pieceCid }) => pieceCid === piece?.pieceCid)?.bytes;
  if (piece === undefined || bytes === undefined) throw new Error('no such piece');
  expect(new PieceHasher().write(bytes).digest()).toBe(piece.pieceCid);
  const place = { keyId, shardId: piece.shardId, number, count: pieces.length };
  const access = { versionKey: world.dataKey ?? Buffer.alloc(0), datasetId, place };
  return buffer(openShard(inSteps(bytes), { ...access, wrappedKey: Buffer.from(piece.wrappedKey, 'hex') }));
}

/** The rows of the newest listing as lines, shard after shard. */
export async function linesOf(
  maxBytes = Infinity,
  isWanted: (piece: Piece) => boolean = () => true,
): Promise<string[]> {
  const files: string[] = [];
  for (const [number, piece] of manifest().pieces.entries()) {
    if (!isWanted(piece)) continue;
    const plain = await plaintextOf(number);
    expect(plain.length).toBeLessThanOrEqual(maxBytes);
    expect(plain.includes(dir)).toBe(false);
    const file = path.join(dir, `${String(number).padStart(3, '0')}.parquet`);
    await writeFile(file, plain);
    files.push(`'${file}'`);
  }
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const reader = await connection.runAndReadAll(
    `SELECT concat_ws(',', x, y, note) AS line FROM read_parquet([${files.join(',')}])`,
  );
  return reader.getRowObjectsJson().map(({ line }) => line as string);
}

export async function linesOfFile(): Promise<string[]> {
  return (await readFile(path.join(dir, 'data.csv'), 'utf8')).trim().split('\n').slice(1);
}

/** Every file under the state directory, as one buffer. */
export async function everythingKept(): Promise<Buffer> {
  const names = await readdir(state.root, { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  return Buffer.concat(await Promise.all(files.map(async (file) => readFile(file))));
}
