import { createHash } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { verifyTypedData } from 'viem';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { network, testDir, testTerminal, type TestTerminal } from '../../../test/support/cli.js';
import { distDir } from '../../../test/support/build.js';
import { inSteps } from '../../../test/support/seal-piece.js';
import { market, parties } from '../../../test/support/provenance-story.js';
import { PieceHasher } from '../../../web3/filecoin/commp.js';
import { noBalance } from '../../../web3/filecoin/store/storage-errors.js';
import { manifestSchema, type Manifest, type Piece } from '../../catalog/manifest.js';
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
import { openShard, type UploadSession } from '../../storage/index.js';
import type { MarketApi } from '../api/market-api.js';
import type { SealingThreads } from '../ports.js';
import type { StateDir } from '../state/state-dir.js';
import type { PublishOptions } from './plan.js';
import { publish, type PublishDeps } from './publish.js';

// Real: DuckDB, the threads with encryption and piece CIDs, signatures, the disk. Faked at their ports: storage, key nodes,
// chain, marketplace.
const seller = parties.seller;
let dir: string;
let state: StateDir;
let remove: () => Promise<void>;
let world: World;
let terminal: TestTerminal;
/** Of every publish here: a command starts its own, and that takes longer than what is published here. */
let threads: SealingThreads;

beforeAll(async () => {
  // As it is built: a thread starts from a compiled file.
  const file = path.join(distDir(), 'web3/filecoin/sealing/sealing-threads.js');
  const { SealingThreads } = (await import(file)) as { SealingThreads: new () => SealingThreads };
  threads = new SealingThreads();
});
afterAll(async () => threads?.close());

type Step = 'wrap' | 'send' | 'sent' | 'commit' | 'committed' | 'listOffer' | 'listed-on-chain' | 'api' | 'listed';

/** What the outside remembers, and where it breaks. */
class World {
  readonly uploads: { pieceCid: string; bytes: Buffer }[] = [];
  readonly commits: string[] = [];
  readonly offers: Offer[] = [];
  readonly listings: Record<string, unknown>[] = [];
  revoked = false;
  /** The newest version's key. */
  dataKey: Buffer | undefined;
  wraps = 0;
  /** Throws when the named step is about to happen, or has just happened. */
  break: Step | undefined;
  sendsBeforeBreak = 0;
  sends = 0;
  /** How long the provider takes to say what it holds. */
  lookUpMs = 0;
  /** How many pieces the seller can pay for. */
  affordedPieces = Infinity;
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

function run(over: Partial<PublishOptions> = {}, file = 'data.csv') {
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
        withdraw: async () => Promise.reject(new Error('not used')),
        end: async () => Promise.reject(new Error('not used')),
      }),
      sealingThreads: async () => ({
        notice: threads.notice,
        digest: async (...file) => threads.digest(...file),
        seal: (...shard) => threads.seal(...shard),
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
const manifest = () => manifestSchema.parse(world.listings.at(-1)?.['manifest']);

/** The Parquet bytes of a shard of the newest listing, opened as the trainer opens them. */
async function plaintextOf(number: number): Promise<Buffer> {
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
async function linesOf(maxBytes = Infinity, isWanted: (piece: Piece) => boolean = () => true): Promise<string[]> {
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

async function linesOfFile(): Promise<string[]> {
  return (await readFile(path.join(dir, 'data.csv'), 'utf8')).trim().split('\n').slice(1);
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
    expect(world.commits).toEqual(manifest().pieces.map(({ pieceCid }) => pieceCid));
  });

  it('says only what the seller declared of the columns', async () => {
    await run();
    expect(manifest().columns).toEqual([
      { name: 'x', type: 'integer', range: { min: 0, max: 16 } },
      { name: 'y', type: 'string', vocabulary: ['a', 'b'] },
      { name: 'note', type: 'string' },
    ]);
    expect(JSON.stringify(world.listings)).not.toContain('note 1 ');
    // What `inspect` tells of the rows is the seller's alone.
    expect(JSON.stringify(world.listings)).not.toMatch(/missing|constant|duplicate|"labels"/);
  });

  it('sends ciphertext of Parquet that holds all rows, in shards that obey the limit', async () => {
    await run({ shardBytes: '20000', keepOrder: true });
    expect(world.uploads.length).toBeGreaterThan(2);
    expect(manifest().pieces.reduce((sum, piece) => sum + piece.rowCount, 0)).toBe(1000);
    expect(await linesOf(20_000)).toEqual(await linesOfFile());
  });

  it('puts the rows of a shard in an order that does not follow from that of the file', async () => {
    await run();
    const [first, lines] = [await linesOf(), await linesOfFile()];
    expect(first).not.toEqual(lines);
    expect(first.toSorted()).toEqual(lines.toSorted());
    await writeFile(path.join(dir, 'data.csv'), `x,y,note\n${lines.toReversed().join('\n')}\n`);
    await run();
    expect(await linesOf()).toEqual(first);
  });

  describe('with rows held out', () => {
    const sides = async (): Promise<{ training: string[]; heldOut: string[] }> => ({
      training: await linesOf(20_000, ({ holdout }) => holdout === undefined),
      heldOut: await linesOf(20_000, ({ holdout }) => holdout === true),
    });
    const options = { holdout: 0.2, shardBytes: '20000' };
    const withBudget = async (unit: object = {}): Promise<void> => {
      const file = path.join(dir, 'terms.json');
      const budget = { epsilon: 10, delta: 1e-5, maxEpsilonPerJob: 3, pricePerEpsilon: '0.5', ...unit };
      const terms = JSON.parse(await readFile(file, 'utf8')) as object;
      await writeFile(file, JSON.stringify({ ...terms, privacy: { budget } }));
    };
    beforeEach(async () => withBudget());

    it('divides them into pieces that train and, after those, pieces that do not', async () => {
      const done = await run(options);
      const { training, heldOut } = await sides();
      expect([...training, ...heldOut].toSorted()).toEqual((await linesOfFile()).toSorted());
      // Drawn by a fresh key: 200 of 1,000 expected, these bounds are eight standard deviations away.
      expect(heldOut.length).toBeGreaterThan(95);
      expect(heldOut.length).toBeLessThan(305);
      expect(done.rowCount).toBe(training.length);
      expect(manifest().rowCount).toBe(training.length);
      const marks = manifest().pieces.map(({ holdout }) => Number(holdout === true));
      expect(marks).toEqual(marks.toSorted((a, b) => a - b));
      expect(world.listings[0]).toMatchObject({ terms: { privacy: { holdout: 0.2 } } });
    });

    it('keeps both sides apart while they are on their way at the same time', async () => {
      world.gate = sleep(500);
      await run({ holdout: 0.2 });
      expect(manifest().pieces).toHaveLength(2);
      expect((await linesOf()).toSorted()).toEqual((await linesOfFile()).toSorted());
    });

    it('leaves each row on its side in the next version, and equal rows on one', async () => {
      const first = await run(options);
      const { heldOut } = await sides();
      const lines = await linesOfFile();
      await writeFile(
        path.join(dir, 'data.csv'),
        `x,y,note\n${[...lines, ...lines, '3,a,new'].toReversed().join('\n')}\n`,
      );
      await run({ ...options, newVersionOf: first.id });
      const after = await sides();
      expect(after.heldOut.filter((line) => line !== '3,a,new').toSorted()).toEqual(
        [...heldOut, ...heldOut].toSorted(),
      );
    });

    it('keeps all rows of a protected unit on one side', async () => {
      await withBudget({ unitColumn: 'x' });
      await run({ ...options, holdout: 0.5 });
      const { training, heldOut } = await sides();
      const units = (side: string[]) => new Set(side.map((line) => line.split(',')[0]));
      expect(units(training).size + units(heldOut).size).toBe(17);
    });

    it('refuses a file of which nothing is left for a side', async () => {
      await writeFile(path.join(dir, 'data.csv'), 'x,y,note\n3,b,alone\n');
      await expect(run(options)).rejects.toMatchObject({
        code: 'BAD_INPUT',
        message: expect.stringContaining('one side is empty'),
      });
      expect(world.listings).toEqual([]);
    });
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
    const { timings: _took, ...again } = await run();
    expect({ ...first, already: true }).toMatchObject(again);
    expect(world).toMatchObject({ wraps: 1, uploads: { length: 1 }, listings: { length: 1 } });
  });

  it('takes a file of one row', async () => {
    await writeFile(path.join(dir, 'data.csv'), 'x,y,note\n3,b,alone\n');
    expect(await run()).toMatchObject({ rowCount: 1, pieces: [{ rowCount: 1 }] });
    expect(manifest()).toMatchObject({ rowCount: 1, pieces: { length: 1 } });
    expect(await linesOf()).toEqual(['3,b,alone']);
  });

  it('gives data that cost nothing to nobody in particular', async () => {
    await run({ price: '0' });
    expect(offerFromJson(world.listings[0]?.['offer'] as never)).toMatchObject({ price: 0n, nodeFee: 0n, payees: [] });
  });
});

describe('an interrupted publish goes on with the same command', () => {
  it.each(['send', 'sent', 'wrap', 'commit', 'committed', 'listOffer', 'listed-on-chain', 'api', 'listed'] as const)(
    'broken at %s',
    async (step) => {
      world.break = step;
      world.sendsBeforeBreak = 2;
      await expect(run({ shardBytes: '20000' })).rejects.toThrow(`broken at ${step}`);
      expect(world.listings).toHaveLength(step === 'listed' ? 1 : 0);
      expect((await everythingKept()).includes('note 1 ')).toBe(false);
      world.break = undefined;
      const done = await run({ shardBytes: '20000' });
      expect(world.wraps).toBe(1);
      // Each piece travelled once, and was added once.
      const cids = world.uploads.map(({ pieceCid }) => pieceCid);
      expect(cids.toSorted()).toEqual(done.pieces.map(({ pieceCid }) => pieceCid).toSorted());
      expect(world.commits).toEqual(done.pieces.map(({ pieceCid }) => pieceCid));
      expect(world.offers).toHaveLength(1);
      // A repeat is the same listing, byte for byte: the log answers it with the first index.
      expect(new Set(world.listings.map((listing) => jsonDigest(listing))).size).toBe(1);
    },
  );

  it('out of money after the first shard, and goes on after a top-up', async () => {
    world.affordedPieces = 1;
    await expect(run({ shardBytes: '20000' })).rejects.toMatchObject({
      code: 'NO_BALANCE',
      next: expect.stringContaining('run the same command again'),
    });
    expect(world).toMatchObject({ commits: { length: 1 }, listings: [] });
    const [sends, first] = [world.sends, world.commits[0]];
    world.affordedPieces = Infinity;
    const done = await run({ shardBytes: '20000' });
    expect(done.pieces.length).toBeGreaterThan(2);
    expect(world.sends).toBe(sends);
    expect(world.commits).toEqual(done.pieces.map(({ pieceCid }) => pieceCid));
    expect(world.commits[0]).toBe(first);
    expect(world).toMatchObject({ wraps: 1, offers: { length: 1 }, listings: { length: 1 } });
  });

  it('makes the same pieces again when the provider lost them before they were on chain', async () => {
    world.break = 'commit';
    await expect(run({ shardBytes: '20000' })).rejects.toThrow('broken at commit');
    const lost = world.uploads.splice(1, 2).map(({ pieceCid }) => pieceCid);
    world.break = undefined;
    await run({ shardBytes: '20000' });
    const again = world.uploads.slice(-2).map(({ pieceCid }) => pieceCid);
    expect(again.toSorted()).toEqual(lost.toSorted());
    expect(world.wraps).toBe(1);
  });

  it('is another publish when the file, or an option, is another', async () => {
    await run();
    await run({ price: '6' });
    await writeFile(path.join(dir, 'data.csv'), 'x,y,note\n1,a,b\n');
    await run();
    expect(new Set(world.listings.map((listing) => (listing['manifest'] as Manifest).keyId)).size).toBe(3);
  });

  it('does not run twice at once', async () => {
    let release = (): void => undefined;
    world.gate = new Promise((resolve) => (release = resolve));
    const first = run();
    const waiting = new Promise<void>((resolve) => (world.atGate = resolve));
    await waiting;
    await expect(run()).rejects.toMatchObject({ code: 'JOB_STATE' });
    release();
    expect(await first).toMatchObject({ already: false });
  });
});

describe('a new version', () => {
  const rows = (count: number) => Array.from({ length: count }, (_, i) => `${i % 17},${['a', 'b'][i % 2]},row ${i}`);
  const write = async (lines: string[]) => writeFile(path.join(dir, 'data.csv'), `x,y,note\n${lines.join('\n')}\n`);
  const options = { shardBytes: '1500' };

  it('sends only the shards that changed, under a key of its own', async () => {
    await write(rows(400));
    const first = await run(options);
    const [key, sent] = [world.dataKey, world.uploads.length];
    await write([...rows(399), '3,a,another']);
    const second = await run({ ...options, newVersionOf: first.id });
    expect(second).toMatchObject({ datasetId: first.datasetId, version: 2 });
    const kept = second.pieces.filter(({ pieceCid }) => first.pieces.some((piece) => piece.pieceCid === pieceCid));
    expect(kept.length).toBe(second.pieces.length - 1);
    expect(world.uploads.length).toBe(sent + 1);
    expect(world.dataKey).not.toEqual(key);
    expect((await linesOf()).toSorted()).toEqual([...rows(399), '3,a,another'].toSorted());
  });

  it('that sends lost pieces anew and is interrupted, sends none of them twice', async () => {
    await write(rows(400));
    const first = await run(options);
    world.uploads.length = 0;
    Object.assign(world, { break: 'sent', lookUpMs: 200 }); // so that two shards are asked after at the same time
    const next = { ...options, newVersionOf: first.id };
    await expect(run(next)).rejects.toThrow('broken at sent');
    Object.assign(world, { break: undefined, lookUpMs: 0 });
    const { pieces } = await run(next);
    const cids = pieces.map(({ pieceCid }) => pieceCid);
    expect(world.uploads.map(({ pieceCid }) => pieceCid).toSorted()).toEqual(cids.toSorted());
  });

  it('takes a new key for every shard after a revocation', async () => {
    await write(rows(400));
    const first = await run(options);
    world.revoked = true;
    const second = await run({ ...options, newVersionOf: first.id });
    const cids = new Set(first.pieces.map(({ pieceCid }) => pieceCid));
    expect(second.pieces.some(({ pieceCid }) => cids.has(pieceCid))).toBe(false);
  });
});

describe('personal data', () => {
  it('are listed only if the seller accepts it, and then the terms say so', async () => {
    await writeFile(path.join(dir, 'data.csv'), 'x,y,note\n1,a,ann@example.org\n2,b,bob@example.org\n');
    await expect(run()).rejects.toMatchObject({ code: 'BAD_INPUT', details: { columns: ['note'] } });
    expect(world).toMatchObject({ uploads: [], offers: [], listings: [] });
    await run({ acceptPersonalData: true });
    expect(world.listings[0]?.['terms']).toMatchObject({ personalData: true });
  });
});

describe('a folder', () => {
  it('is published as a file is, and is another publish once a file in it is', async () => {
    for (const [label, text] of [
      ['ham', 'hello'],
      ['spam', 'buy now'],
    ] as const) {
      await mkdir(path.join(dir, 'mails', label), { recursive: true });
      await writeFile(path.join(dir, 'mails', label, '1.txt'), text);
    }
    const done = await run({ label: 'label' }, 'mails');
    expect(done).toMatchObject({ rowCount: 2, version: 1, already: false });
    expect(manifest().columns).toEqual([
      { name: 'text', type: 'string' },
      { name: 'label', type: 'string' },
    ]);
    expect((await plaintextOf(0)).subarray(0, 4).toString()).toBe('PAR1');
    expect(await run({ label: 'label' }, 'mails')).toMatchObject({ id: done.id, already: true });
    await writeFile(path.join(dir, 'mails', 'ham', '2.txt'), 'good bye');
    expect((await run({ label: 'label' }, 'mails')).id).not.toBe(done.id);
  });
});

describe('a publish that must not happen', () => {
  it('of a file that is written to meanwhile', async () => {
    world.atGate = () => appendFileSync(path.join(dir, 'data.csv'), '1,a,late\n');
    await expect(run()).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringContaining('was changed while it was read'),
    });
    expect(world).toMatchObject({ wraps: 0, commits: [], offers: [], listings: [] });
  });

  it.each<[string, Partial<PublishOptions>, string]>([
    ['a price below zero', { price: '-1' }, 'BAD_PRICE'],
    ['a price with 19 decimals', { price: '0.0000000000000000001' }, 'BAD_PRICE'],
    ['a node fee above the price', { nodeFee: '4.9' }, 'BAD_PRICE'],
    ['no title', { title: '' }, 'BAD_INPUT'],
    ['terms that are not there', { terms: 'nowhere.json' }, 'BAD_TERMS'],
    ['an operator that is no address', { operator: ['bob'] }, 'BAD_INPUT'],
    ['a label that is not there', { label: 'z' }, 'BAD_INPUT'],
    ['rows held out for metrics that no budget pays for', { holdout: 0.1 }, 'BAD_TERMS'],
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
      { sealingThreads: async () => Promise.reject(full) } as never,
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
