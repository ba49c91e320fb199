import { createHash } from 'node:crypto';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { verifyTypedData } from 'viem';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { network, testDir, testTerminal, type TestTerminal } from '../../../test/support/cli.js';
import { market, parties } from '../../../test/support/provenance-story.js';
import { PieceHasher } from '../../../web3/filecoin/commp.js';
import { manifestSchema, type Manifest } from '../../catalog/manifest.js';
import {
  jsonDigest,
  keyIdOf,
  marketplaceDomain,
  offerFromJson,
  sha256Hex,
  TYPES,
  utf8,
  WeighbridgeError,
  type Offer,
} from '../../kernel/index.js';
import { createPieceDecryptor } from '../../storage/index.js';
import type { MarketApi } from '../api/market-api.js';
import type { StateDir } from '../state/state-dir.js';
import type { PublishOptions } from './plan.js';
import { publish, type PublishDeps } from './publish.js';

// Real: DuckDB, encryption, piece CIDs, signatures, the disk. Faked at their ports: storage, key nodes, chain, marketplace.
const seller = parties.seller;
let dir: string;
let state: StateDir;
let remove: () => Promise<void>;
let world: World;
let terminal: TestTerminal;

/** What the outside remembers, and where it breaks. */
class World {
  readonly uploads: { pieceCid: string; bytes: Buffer }[] = [];
  readonly offers: Offer[] = [];
  readonly listings: Record<string, unknown>[] = [];
  dataKey: Buffer | undefined;
  wraps = 0;
  /** Throws when the named step is about to happen, or has just happened. */
  break: 'wrap' | 'upload' | 'uploaded' | 'listOffer' | 'listed-on-chain' | 'api' | 'listed' | undefined;
  uploadsBeforeBreak = 0;

  at(step: NonNullable<World['break']>): void {
    if (this.break === step)
      throw new WeighbridgeError('UNAVAILABLE', `broken at ${step}`, { next: 'Repair the test.' });
  }
}

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

function run(over: Partial<PublishOptions> = {}) {
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
        throw new Error('not asked for');
      },
    } as unknown as MarketApi,
    adapters: {
      pieceHasher: async () => () => new PieceHasher(),
      keyVault: async () => ({
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
        unwrap: async () => Promise.reject(new Error('a seller never unwraps')),
        close: async () => undefined,
      }),
      pieceStore: async () => ({
        upload: async (piece, file, onProgress) => {
          if (world.uploads.length >= world.uploadsBeforeBreak) world.at('upload');
          const bytes = await readFile(file);
          onProgress?.(bytes.length);
          world.uploads.push({ pieceCid: piece.pieceCid, bytes });
          if (world.uploads.length > world.uploadsBeforeBreak) world.at('uploaded');
          return piece;
        },
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
  return publish(path.join(dir, 'data.csv'), options, deps);
}

const manifest = () => manifestSchema.parse(world.listings[0]?.['manifest']);

async function plaintextOf(bytes: Buffer): Promise<Buffer> {
  const decrypt = createPieceDecryptor({ dataKey: world.dataKey ?? Buffer.alloc(0) });
  const source = async function* () {
    yield bytes;
  };
  const chunks: Uint8Array[] = [];
  for await (const chunk of decrypt(source())) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Every file under the state directory, as one buffer. */
async function everythingKept(): Promise<Buffer> {
  const names = await readdir(state.root, { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  return Buffer.concat(await Promise.all(files.map(async (file) => readFile(file))));
}

describe('a publish that goes well', () => {
  it('lists what it uploaded, under an offer that adds up and is signed', async () => {
    const done = await run();
    const listing = world.listings[0] ?? {};
    const offer = offerFromJson(listing['offer'] as never);
    expect(done).toMatchObject({ id: manifest().keyId, rowCount: 1000, logIndex: 7, already: false });
    expect(keyIdOf(seller.address, offer.datasetId, 1)).toBe(done.id);
    expect(offer.manifestDigest).toBe(`0x${jsonDigest(listing['manifest'])}`);
    expect(offer.termsDigest).toBe(`0x${jsonDigest(listing['terms'])}`);
    // 5 USDFC: 2.5 % to the protocol, a tenth to the node.
    expect(offer.payees).toEqual([{ to: seller.address, amount: 4_375_000_000_000_000_000n }]);
    expect(offer.nodeFee).toBe(500_000_000_000_000_000n);
    const signature = listing['offerSignature'] as `0x${string}`;
    const typed = { domain: marketplaceDomain(market), types: TYPES, primaryType: 'Offer', message: offer } as const;
    expect(await verifyTypedData({ ...typed, address: seller.address, signature })).toBe(true);
    expect(world.uploads.map(({ pieceCid }) => pieceCid)).toEqual(manifest().pieces.map(({ pieceCid }) => pieceCid));
  });

  it('says only what the seller declared of the columns', async () => {
    await run();
    expect(manifest().columns).toEqual([
      { name: 'x', type: 'integer', range: { min: 0, max: 16 } },
      { name: 'y', type: 'string', vocabulary: ['a', 'b'] },
      { name: 'note', type: 'string' },
    ]);
    expect(JSON.stringify(world.listings)).not.toContain('note 1 ');
  });

  it('uploads ciphertext of Parquet that holds the rows in order, in shards that obey the limit', async () => {
    await run({ shardBytes: '20000' });
    expect(world.uploads.length).toBeGreaterThan(2);
    expect(manifest().pieces.reduce((sum, piece) => sum + piece.rowCount, 0)).toBe(1000);
    const files = await Promise.all(
      world.uploads.map(async ({ bytes }, i) => {
        const plain = await plaintextOf(bytes);
        expect(plain.length).toBeLessThanOrEqual(20_000);
        expect(plain.includes(dir)).toBe(false);
        const file = path.join(dir, `${String(i).padStart(3, '0')}.parquet`);
        await writeFile(file, plain);
        return `'${file}'`;
      }),
    );
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    const reader = await connection.runAndReadAll(
      `SELECT concat_ws(',', x, y, note) AS line FROM read_parquet([${files.join(',')}])`,
    );
    const rows = reader.getRowObjectsJson();
    const lines = (await readFile(path.join(dir, 'data.csv'), 'utf8')).trim().split('\n').slice(1);
    expect(rows.map(({ line }) => line)).toEqual(lines);
  });

  it('leaves no plaintext, no data key and no ciphertext behind', async () => {
    await run();
    const kept = await everythingKept();
    expect(kept.includes('note 1 ')).toBe(false);
    expect(kept.includes(world.dataKey ?? 'x')).toBe(false);
    expect(kept.includes(world.dataKey?.toString('hex') ?? 'x')).toBe(false);
    expect(kept.includes(world.dataKey?.toString('base64') ?? 'x')).toBe(false);
    const [digest = ''] = await readdir(path.join(state.root, 'publish'));
    expect(await readdir(state.publish(digest))).toEqual(['journal.json']);
    expect((await stat(state.publish(digest))).mode & 0o777).toBe(0o700);
  });

  it('is not done a second time', async () => {
    const first = await run();
    expect(await run()).toEqual({ ...first, already: true });
    expect(world).toMatchObject({ wraps: 1, uploads: { length: 1 }, listings: { length: 1 } });
  });

  it('gives data that cost nothing to nobody in particular', async () => {
    await run({ price: '0' });
    expect(offerFromJson(world.listings[0]?.['offer'] as never)).toMatchObject({ price: 0n, nodeFee: 0n, payees: [] });
  });
});

describe('an interrupted publish goes on with the same command', () => {
  it('begins the encryption over when the key was not wrapped, under another key', async () => {
    world.break = 'wrap';
    await expect(run()).rejects.toThrow('broken at wrap');
    const kept = await everythingKept();
    expect(kept.includes('note 1 ')).toBe(false);
    world.break = undefined;
    await run();
    expect(world.uploads).toHaveLength(1);
    expect((await plaintextOf(world.uploads[0]?.bytes ?? Buffer.alloc(0))).subarray(0, 4).toString()).toBe('PAR1');
  });

  it.each(['upload', 'uploaded', 'listOffer', 'listed-on-chain', 'api', 'listed'] as const)(
    'broken at %s',
    async (step) => {
      world.break = step;
      world.uploadsBeforeBreak = 2;
      await expect(run({ shardBytes: '20000' })).rejects.toThrow(`broken at ${step}`);
      expect(world.listings).toHaveLength(step === 'listed' ? 1 : 0);
      world.break = undefined;
      const done = await run({ shardBytes: '20000' });
      expect(world.wraps).toBe(1);
      const cids = world.uploads.map(({ pieceCid }) => pieceCid);
      // The store was asked again only for the piece whose answer was lost; it has that one already and moves no byte.
      expect(new Set(cids).size).toBe(done.pieces.length);
      expect(cids.length).toBe(done.pieces.length + (step === 'uploaded' ? 1 : 0));
      expect(world.offers).toHaveLength(1);
      // A repeat is the same listing, byte for byte: the log answers it with the first index.
      expect(new Set(world.listings.map((listing) => jsonDigest(listing))).size).toBe(1);
    },
  );

  it('is another publish when the file, or an option, is another', async () => {
    await run();
    await run({ price: '6' });
    await writeFile(path.join(dir, 'data.csv'), 'x,y,note\n1,a,b\n');
    await run();
    expect(new Set(world.listings.map((listing) => (listing['manifest'] as Manifest).keyId)).size).toBe(3);
  });

  it('does not run twice at once', async () => {
    const [first, second] = await Promise.allSettled([run(), run()]);
    expect([first.status, second.status].sort()).toEqual(['fulfilled', 'rejected']);
    expect([first, second].find((one) => one.status === 'rejected')).toMatchObject({ reason: { code: 'JOB_STATE' } });
  });
});

describe('a publish that must not happen', () => {
  it.each<[string, Partial<PublishOptions>, string]>([
    ['a price below zero', { price: '-1' }, 'BAD_PRICE'],
    ['a price with 19 decimals', { price: '0.0000000000000000001' }, 'BAD_PRICE'],
    ['a node fee above the price', { nodeFee: '4.9' }, 'BAD_PRICE'],
    ['no title', { title: '' }, 'BAD_INPUT'],
    ['terms that are not there', { terms: 'nowhere.json' }, 'BAD_TERMS'],
    ['an operator that is no address', { operator: ['bob'] }, 'BAD_INPUT'],
    ['a label that is not there', { label: 'z' }, 'BAD_INPUT'],
    ['a shard larger than a piece', { shardBytes: '1065353216' }, 'BAD_INPUT'],
    ['a shard smaller than a row', { shardBytes: '1024' }, 'TOO_LARGE'],
  ])('%s', async (_name, options, code) => {
    if (code === 'TOO_LARGE') await writeFile(path.join(dir, 'data.csv'), `x,y,note\n1,a,${noise(4000)}\n`);
    await expect(run(options)).rejects.toMatchObject({ code, next: expect.stringMatching(/\.$/) });
    expect(world).toMatchObject({ uploads: [], offers: [], listings: [] });
  });

  it('tells a full disk from a fault of the program, and lists nothing', async () => {
    const full = Object.assign(new Error('write'), { code: 'ENOSPC' });
    const { runCli } = await import('../program.js');
    const key = path.join(dir, 'key');
    await writeFile(key, `0x${'11'.repeat(32)}\n`, { mode: 0o600 });
    await writeFile(path.join(dir, 'network.json'), JSON.stringify(network));
    const { io, stderr } = testTerminal({ cwd: dir, env: { WEIGHBRIDGE_STATE: path.join(dir, 's') } });
    const code = await runCli(
      [
        'publish',
        path.join(dir, 'data.csv'),
        '--title',
        't',
        '--price',
        '1',
        '--terms',
        path.join(dir, 'terms.json'),
        '--network',
        'network.json',
        '--key-file',
        key,
      ],
      io,
      { pieceHasher: async () => Promise.reject(full), keyVault: async () => Promise.reject(full) } as never,
    );
    expect(code).toBe(1);
    expect(stderr()).toMatch(/no space is left on this disk.*DISK_FULL/);
  });
});

function noise(length: number): string {
  let text = '';
  for (let i = 0; text.length < length; i++) text += createHash('sha256').update(String(i)).digest('base64');
  return text.slice(0, length);
}
