import path from 'node:path';
import { formatWei, keyIdOf, offerFromJson, type Bytes32, type Network } from '../../kernel/index.js';
import type { Manifest } from '../../catalog/manifest.js';
import type { StepTimer, UploadSession } from '../../storage/index.js';
import type { MarketApi } from '../api/market-api.js';
import type { Account, Adapters, SealingThreads, SellerChain, SellerStorage } from '../ports.js';
import { withLock } from '../state/lock.js';
import { shardSecret, shardSecretFile } from '../state/shard-secret.js';
import type { StateDir } from '../state/state-dir.js';
import type { Ui } from '../ui/ui.js';
import { leaveRepairPermits, prepareRepairs, signRepairPermits } from '../storage/repair-permits.js';
import { openDuck, type Duck } from './duck.js';
import { journalIn, type DatasetSlot, type Journal, type JournalFile, type Sealed } from './journal.js';
import { listDataset } from './list.js';
import { assertNotListed, rowsOf } from './listed-before.js';
import { makePieces, type Made } from './make-pieces.js';
import { manifestOf, offerOf, signOffer } from './offer.js';
import { planDigest, planPublish, type PublishOptions, type PublishPlan } from './plan.js';
import { digestOf, sourceState } from './read.js';
import { sealVersion } from './seal-version.js';
import { beginAt } from './slot.js';
import { Stopwatch, type Timing } from './stopwatch.js';
import type { FileState } from './unchanged.js';

export interface PublishDeps {
  ui: Ui;
  network: Network;
  account: Account;
  state: StateDir;
  api: MarketApi;
  adapters: Pick<Adapters, 'sealingThreads' | 'keyWrapper' | 'pieceStore' | 'sellerStorage' | 'sellerChain'>;
  now(): Date;
}

export interface Published {
  id: Bytes32;
  datasetId: Bytes32;
  version: number;
  logIndex: number;
  rowCount: number;
  pieces: { pieceCid: string; sizeBytes: number; rowCount: number }[];
  /** Transaction that registered the offer. */
  transaction: string | null;
  /** True if an earlier run of the same command had done it all. */
  already: boolean;
  /** How long each step took, waits included. */
  timings: Timing[];
}

/** One run of the command: what it works with, and what is started before it is needed. */
interface Run extends PublishDeps {
  plan: PublishPlan;
  /** Names the file among this seller's publishes. */
  rows: string;
  file: FileState;
  threads: SealingThreads;
  duck: Promise<Duck>;
  journal: JournalFile;
  time: StepTimer;
  /** What `time` was told so far. */
  timings: Timing[];
  chain(): Promise<SellerChain>;
  storage(): Promise<SellerStorage>;
}

/**
 * Publishes one file: read, encrypt and send, seal, store, offer, list. Each step is noted before the next begins, so the
 * same command goes on where it was interrupted and neither sends, pays nor lists anything twice. What waits for others
 * (money, key nodes, blocks) runs beside what computes.
 */
export async function publish(file: string, options: PublishOptions, deps: PublishDeps): Promise<Published> {
  const { network, account, state, ui, adapters } = deps;
  const watch = new Stopwatch();
  const time: StepTimer = async (step, work) => watch.time(step, work);
  const plan = await planPublish(file, options, network, account.address);
  if (plan.columnsFile !== undefined) ui.note(`columns declared in ${plan.columnsFile}`);
  else ui.warn('no column is declared public (--columns): recipes will find nothing to scale by');
  const before = await sourceState(file, plan.format);
  const threads = await adapters.sealingThreads();
  if (threads.notice !== undefined) ui.warn(threads.notice);
  const storage = once(async () => adapters.sellerStorage(network, account));
  // While a thread hashes the file, because later it would hold up the reading: DuckDB takes a tenth of a second to open, the SDK a third of one
  // to load and as long again to get going.
  const duck = openDuck();
  duck.catch(() => undefined);
  void storage()
    .then(async (seller) => seller.ready())
    .catch(() => undefined); // whoever needs it hears of it
  try {
    const digest = await time('digest of the file', async () =>
      digestOf(file, plan.format, async (one) => threads.digest(one)),
    );
    const dir = state.publish(planDigest(plan, network, digest));
    const rows = rowsOf(digest, plan.seller, network);
    return await withLock(path.join(dir, 'lock'), async () => {
      const journal = await journalIn(dir);
      if (journal.now().slot === undefined && options.listAgain !== true) await assertNotListed(rows, plan, state);
      const chain = once(async () => adapters.sellerChain(network, account));
      const { timings } = watch;
      return run({ ...deps, plan, rows, file: before, threads, duck, journal, time, timings, chain, storage });
    });
  } finally {
    await duck.then((opened) => opened.close()).catch(() => undefined);
    await threads.close();
  }
}

async function run(run: Run): Promise<Published> {
  const { network, account, api, journal, time, ui } = run;
  const before = journal.now();
  if (before.sealed !== undefined && before.listed !== undefined) return published(run, true);
  if (before.slot !== undefined) ui.note('going on with an interrupted publish: nothing is sent twice');
  const market = { chainId: network.chainId, contract: network.contracts.marketplace };
  if (before.slot === undefined) {
    await journal.note({ rows: run.rows, ...(await beginAt(run.plan.newVersionOf, account, market, api, run.chain)) });
  }
  const { slot } = journal.now();
  if (slot === undefined) throw new Error('the slot was just chosen');

  const sealed = (before.copies !== undefined ? before.sealed : undefined) ?? (await storeSealed(run, slot));
  const manifest = manifestOf(run.plan, slot, sealed);
  await ifMissing(journal.now().offered?.transaction, async () => register(run, manifest, sealed.keyId));
  const { offered, copies } = journal.now();
  if (offered === undefined || copies === undefined)
    throw new Error('the offer was just signed, and the pieces stored');
  ui.note('listing with the marketplace');
  const permits = time('permits for repairs: signed', async () =>
    signRepairPermits(await run.storage(), slot.datasetId, sealed.pieces),
  );
  permits.catch(() => undefined); // told once the dataset is listed
  const listed = await time('listing', async () =>
    listDataset(api, market, account, manifest, run.plan.terms, { ...offered, copies }),
  );
  await journal.note({ listed });
  await time('permits for repairs: left', async () => leaveRepairPermits(run, sealed.keyId, permits));
  return published(run, false);
}

/**
 * Everything up to where the chain lists every piece. While the blocks with the pieces are made, the version's key is
 * wrapped (the key nodes' SDK takes most of a second to load, which would take from the sending before) and the offer goes on
 * chain.
 */
async function storeSealed(run: Run, slot: DatasetSlot): Promise<Sealed> {
  const { network, account, adapters, journal, plan, state, time } = run;
  const session = time('provider and balance', async () => {
    const store = await adapters.pieceStore(network, account, slot.datasetId, time);
    return store.open(estimatedBytes(run));
  });
  session.catch(() => undefined); // whoever waits for it hears of it
  void run.chain().catch(() => undefined);
  // In the block of the deposit, once it is known that there is money at all.
  const repairs = session.then(async () =>
    time('chain: key for repairs', async () => prepareRepairs(await run.storage())),
  );
  repairs.catch(() => undefined); // permits can be signed without it
  const secret = await shardSecret(shardSecretFile(state.root, account.address));
  try {
    const earlier = await sealedBefore(journal.now(), session);
    const made = earlier ?? (await make(run, slot, secret, session));
    const upload = await session;
    const commit = time('pieces on chain', async () => journal.note({ copies: await upload.commit(made.pieces) }));
    const offer = async (): Promise<Sealed> => {
      const sealed = earlier ?? (await seal(run, slot, made, secret));
      const manifest = manifestOf(plan, slot, sealed);
      await ifMissing(journal.now().offered?.transaction, async () => register(run, manifest, sealed.keyId));
      return sealed;
    };
    // Takes a while, and blocks are waited for anyway; the key nodes' SDK wants the memory.
    run.duck.then((duck) => duck.close()).catch(() => undefined);
    run.threads.close().catch(() => undefined);
    return await bothDone(offer(), commit);
  } finally {
    secret.fill(0);
  }
}

/** What an earlier run sealed, if the provider still has all of it. */
async function sealedBefore(journal: Journal, session: Promise<UploadSession>): Promise<Sealed | undefined> {
  if (journal.sealed === undefined) return undefined;
  const upload = await session;
  const held = await Promise.all(journal.sealed.pieces.map(async ({ pieceCid }) => upload.holds(pieceCid)));
  return held.every(Boolean) ? journal.sealed : undefined;
}

async function make(
  { plan, file, journal, threads, duck, time, ui }: Run,
  slot: DatasetSlot,
  secret: Uint8Array,
  session: Promise<UploadSession>,
): Promise<Made> {
  const deps = { ui, threads, secret, session, time };
  return time('data path', async () => makePieces(plan, file, slot, journal, { ...deps, duck: await duck }));
}

async function seal(run: Run, slot: DatasetSlot, made: Made, secret: Uint8Array): Promise<Sealed> {
  const { network, account, adapters, journal, time, ui } = run;
  const before = journal.now().sealed;
  // The same file gives the same pieces; what an earlier run sealed, and perhaps offered, stands.
  if (before !== undefined && samePieces(before.pieces, made.pieces)) return before;
  const keyId = keyIdOf(account.address, slot.datasetId, slot.version);
  ui.note(`wrapping the key for ${keyId}`);
  const sealed = await time('wrapping the key', async () =>
    sealVersion(slot, keyId, made, secret, await adapters.keyWrapper(network)),
  );
  await journal.note({ sealed });
  return sealed;
}

function samePieces(before: { pieceCid: string }[], made: { pieceCid: string }[]): boolean {
  return before.map(({ pieceCid }) => pieceCid).join() === made.map(({ pieceCid }) => pieceCid).join();
}

/** Puts the offer's digest on chain: from now on buyers can open orders against it. */
async function register(run: Run, manifest: Manifest, keyId: Bytes32): Promise<void> {
  const { plan, network, account, journal, time, ui } = run;
  const market = { chainId: network.chainId, contract: network.contracts.marketplace };
  const offered =
    journal.now().offered ?? (await signOffer(market, account, offerOf(plan, manifest, run.now()), keyId, run.now()));
  await journal.note({ offered });
  ui.note(`registering the offer on chain: ${formatWei(plan.priceWei)} USDFC a training run`);
  const transaction = await time('offer on chain', async () =>
    (await run.chain()).listOffer(offerFromJson(offered.offer)),
  );
  await journal.note({ offered: { ...offered, transaction } });
}

/** Text becomes smaller in Parquet by half or more; what the guess lacks is paid in before the pieces go on chain. */
function estimatedBytes({ plan, file }: Run): number {
  const isText = plan.format === 'csv' || plan.format === 'ndjson';
  return isText ? Math.ceil(file.sizeBytes / 2) : file.sizeBytes;
}

async function ifMissing(known: unknown, work: () => Promise<void>): Promise<void> {
  if (known === undefined) await work();
}

/** Waits for both, also when one fails: none may still be at work when the command reports. */
async function bothDone<T>(first: Promise<T>, second: Promise<unknown>): Promise<T> {
  await Promise.allSettled([first, second]);
  await second;
  return first;
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return async () => (made ??= make());
}

function published({ journal, timings }: Run, already: boolean): Published {
  const { slot, sealed, offered, listed } = journal.now();
  if (slot === undefined || sealed === undefined) throw new Error('a journal of a listed dataset that names none');
  return {
    id: sealed.keyId,
    datasetId: slot.datasetId,
    version: slot.version,
    logIndex: listed?.logIndex ?? 0,
    rowCount: sealed.rowCount,
    pieces: sealed.pieces.map(({ pieceCid, sizeBytes, rowCount }) => ({ pieceCid, sizeBytes, rowCount })),
    transaction: offered?.transaction ?? null,
    already,
    timings,
  };
}
