// Real: the seller's process (publishing code as built, DuckDB, its threads, its disk, its HTTP to the provider), SIGKILL.
// Faked, in this process and over HTTP: provider, chain and marketplace; and within the seller's, the key nodes.
// As many kills as the owners ask for: PUBLISH_KILLS=3 for a look. PUBLISH_SEED takes the moments of an earlier run.
import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { generatePrivateKey } from 'viem/accounts';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { jsonDigest, sha256Hex, utf8, type Hex } from '../../src/kernel/index.js';
import { distDir } from '../support/build.js';
import { network } from '../support/cli.js';
import { OutsideWorld, type KilledPublish, type Listing } from './outside-world.js';

const KILLS = Number(process.env['PUBLISH_KILLS'] ?? 50);
const SEED = process.env['PUBLISH_SEED'] ?? randomUUID();
const LONGEST_PAUSE_MS = 20;
vi.setConfig({ testTimeout: 60_000 + KILLS * 60_000 });

let dir: string;
const key = generatePrivateKey();
let drawn = 0;

/** The next number of the seed's, from 0 to 1. */
const draw = (): number => createHash('sha256').update(`${SEED} ${drawn++}`).digest().readUInt32BE() / 2 ** 32;

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'wb-killed-'));
  const rows = Array.from({ length: 1000 }, (_, i) => `${i % 17},note ${i} ${sha256Hex(utf8(String(i)))}`);
  await writeFile(path.join(dir, 'data.csv'), `x,note\n${rows.join('\n')}\n`);
  const privacy = { trainingWithoutPrivacy: true };
  const terms = { version: 1, title: 'Terms', text: 'Be kind.', purposes: ['research'], licenceDays: 30, privacy };
  await writeFile(path.join(dir, 'terms.json'), JSON.stringify(terms));
});
afterAll(async () => rm(dir, { recursive: true, force: true }));

interface Seller extends KilledPublish {
  world: OutsideWorld;
}

/** A seller who has published nothing yet, in a world of her own. */
async function newSeller(name: string): Promise<Seller> {
  const world = new OutsideWorld(async () => sleep(Math.random() * LONGEST_PAUSE_MS));
  const options = {
    title: 'Test data',
    price: '5',
    terms: path.join(dir, 'terms.json'),
    tag: [],
    operator: [],
    validDays: '30',
    shardBytes: '20000',
  };
  const stateRoot = path.join(dir, name);
  return { world, distDir: distDir(), worldUrl: await world.start(), dir, stateRoot, key, network, options };
}

interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stderr: string;
  /** From where the command begins its work. */
  tookMs: number;
}

/** Runs the command; kills it so long after it begins its work, if it still runs then. */
async function run({ world, ...told }: Seller, killAfterMs?: number): Promise<Ended> {
  const program = path.join(import.meta.dirname, 'killed-publish.ts');
  const child = spawn(process.execPath, ['--no-warnings', program, JSON.stringify(told)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  let began = performance.now();
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')));
  child.stdout.once('data', () => {
    began = performance.now();
    if (killAfterMs !== undefined) setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  });
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
    child.once('close', (code, signal) => resolve([code, signal])),
  );
  const tookMs = performance.now() - began;
  await world.settled();
  return { code, signal, stderr, tookMs };
}

async function finish(seller: Seller): Promise<Ended> {
  const ended = await run(seller);
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  return ended;
}

/** One listing that adds up; each of its pieces taken once, paid for once, and no other; no row left on the disk. */
async function listingOf({ world, stateRoot }: Seller): Promise<Listing> {
  expect(world.listings).toHaveLength(1);
  const [listing] = world.listings as [Listing];
  const cids = listing.manifest.pieces.map(({ pieceCid }) => pieceCid);
  expect(cids.length).toBeGreaterThan(2);
  expect(world.offers).toEqual([listing.offer]);
  expect(listing.offer.manifestDigest).toBe(`0x${jsonDigest(listing.manifest)}` satisfies Hex);
  expect(world.onChain).toEqual(cids);
  expect(world.taken.toSorted()).toEqual(cids.toSorted());
  const kept = (await readdir(stateRoot, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  for (const { parentPath, name } of kept) {
    expect((await readFile(path.join(parentPath, name))).includes('note 1 ')).toBe(false);
  }
  return listing;
}

/** The listing without what is fresh each time: the version's key, and the shards' keys under it. */
function lasting({ manifest: { wrappedKey: _key, pieces, ...manifest } }: Listing): unknown {
  return { ...manifest, pieces: pieces.map(({ wrappedKey: _shardKey, ...piece }) => piece) };
}

/** What the same seller would have listed, had nothing killed her: same secret, same slot, nothing else known. */
async function uninterrupted({ stateRoot }: Seller): Promise<Listing> {
  const seller = await newSeller(`${path.basename(stateRoot)}-whole`);
  await cp(path.join(stateRoot, 'secrets'), path.join(seller.stateRoot, 'secrets'), { recursive: true });
  const [digest = ''] = await readdir(path.join(stateRoot, 'publish'));
  const { slot } = JSON.parse(await readFile(path.join(stateRoot, 'publish', digest, 'journal.json'), 'utf8')) as {
    slot: unknown;
  };
  await mkdir(path.join(seller.stateRoot, 'publish', digest), { recursive: true });
  await writeFile(path.join(seller.stateRoot, 'publish', digest, 'journal.json'), JSON.stringify({ version: 2, slot }));
  await finish(seller);
  await seller.world.stop();
  return listingOf(seller);
}

it(`a publish that is killed at ${KILLS} random moments ends with the same listing (seed ${SEED})`, async () => {
  const first = await newSeller('first');
  let { tookMs } = await finish(first);
  await listingOf(first);
  await first.world.stop();
  for (let kills = 0, round = 0; kills < KILLS; round++) {
    expect(round, 'the command ends before it can be killed').toBeLessThan(10 + 3 * KILLS);
    const seller = await newSeller(String(round));
    const ended = await run(seller, draw() * tookMs);
    if (ended.signal === 'SIGKILL') kills++;
    else {
      expect(ended.code, ended.stderr).toBe(0);
      ({ tookMs } = ended); // the machine was busier before
    }
    await finish(seller);
    const listing = await listingOf(seller);
    await seller.world.stop();
    expect(lasting(listing)).toEqual(lasting(await uninterrupted(seller)));
  }
});
