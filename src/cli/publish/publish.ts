import path from 'node:path';
import { formatWei, keyIdOf, offerFromJson, WeighbridgeError, type Bytes32, type Network } from '../../kernel/index.js';
import type { MarketApi } from '../api/market-api.js';
import type { Account, Adapters, SellerChain } from '../ports.js';
import { withLock } from '../state/lock.js';
import type { StateDir } from '../state/state-dir.js';
import type { Ui } from '../ui/ui.js';
import { journalIn, type Journal, type JournalFile, type Offered, type Sealed } from './journal.js';
import { listDataset } from './list.js';
import { manifestOf, offerOf, signOffer } from './offer.js';
import { planDigest, planPublish, type PublishOptions, type PublishPlan } from './plan.js';
import { newSlot, sealDataset, type DatasetSlot } from './seal.js';
import { removePieceFiles, uploadPieces } from './upload.js';

export interface PublishDeps {
  ui: Ui;
  network: Network;
  account: Account;
  state: StateDir;
  api: MarketApi;
  adapters: Pick<Adapters, 'pieceHasher' | 'keyVault' | 'pieceStore' | 'sellerChain'>;
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
}

/**
 * Publishes one file: seal, upload, offer, list. Each step is noted before the next begins, so the same command goes on
 * where it was interrupted and neither encrypts, uploads nor lists anything twice.
 */
export async function publish(file: string, options: PublishOptions, deps: PublishDeps): Promise<Published> {
  const { network, account, state, ui } = deps;
  const plan = await planPublish(file, options, network, account.address);
  if (plan.columnsFile !== undefined) ui.note(`columns declared in ${plan.columnsFile}`);
  else ui.warn('no column is declared public (--columns): recipes will find nothing to scale by');
  const dir = state.publish(await planDigest(plan, network));
  return withLock(path.join(dir, 'lock'), async () => run(plan, journalIn(dir), deps));
}

async function run(plan: PublishPlan, journalFile: JournalFile, deps: PublishDeps): Promise<Published> {
  const { network, account, api, adapters, ui } = deps;
  const market = { chainId: network.chainId, contract: network.contracts.marketplace };
  const before = await journalFile.read();
  if (before.sealed !== undefined && before.listed !== undefined) return published(before.sealed, before, true);
  if (before.sealed !== undefined)
    ui.note('going on with an interrupted publish: nothing is encrypted or uploaded twice');

  let sealed = before.sealed ?? (await seal(plan, journalFile, deps));
  if (sealed.pieces.some((piece) => !piece.uploaded)) {
    const store = await adapters.pieceStore(network, account);
    sealed = await uploadPieces(store, journalFile, { ...before, sealed }, ui);
  }
  const manifest = manifestOf(plan, sealed);
  const offered =
    before.offered ?? (await signOffer(market, account, offerOf(plan, manifest, deps.now()), sealed, deps.now()));
  await journalFile.write({ version: 1, sealed, offered });
  const registered = offered.transaction === undefined ? await register(plan, offered, deps) : offered;
  await journalFile.write({ version: 1, sealed, offered: registered });
  ui.note('listing with the marketplace');
  const listed = await listDataset(api, market, account, manifest, plan.terms, registered);
  const journal: Journal = { version: 1, sealed, offered: registered, listed };
  await journalFile.write(journal);
  await removePieceFiles(journalFile.dir, sealed);
  return published(sealed, journal, false);
}

async function seal(plan: PublishPlan, journalFile: JournalFile, deps: PublishDeps): Promise<Sealed> {
  const slot = await slotOf(plan, deps);
  const sealed = await sealDataset(plan, slot, journalFile.dir, deps);
  await journalFile.write({ version: 1, sealed });
  return sealed;
}

/** Puts the offer's digest on chain: from now on buyers can open orders against it. */
async function register(
  plan: PublishPlan,
  offered: Offered,
  { network, account, adapters, ui }: PublishDeps,
): Promise<Offered> {
  ui.note(`registering the offer on chain: ${formatWei(plan.priceWei)} USDFC a training run`);
  const chain = await adapters.sellerChain(network, account);
  return { ...offered, transaction: await chain.listOffer(offerFromJson(offered.offer)) };
}

async function slotOf(plan: PublishPlan, deps: PublishDeps): Promise<DatasetSlot> {
  if (plan.newVersionOf === undefined) return newSlot();
  const { network, account, api, adapters } = deps;
  const previous = await api.dataset(plan.newVersionOf);
  if (previous.seller.toLowerCase() !== account.address.toLowerCase()) {
    throw new WeighbridgeError('FORBIDDEN', `${plan.newVersionOf} belongs to ${previous.seller}`, {
      next: 'Publish a new version with the key that published the first.',
    });
  }
  const slot = { datasetId: previous.datasetId, version: previous.version + 1 };
  await assertUnlisted(await adapters.sellerChain(network, account), account, slot);
  return slot;
}

async function assertUnlisted(
  chain: SellerChain,
  account: Account,
  { datasetId, version }: DatasetSlot,
): Promise<void> {
  const listed = await chain.offerOf(keyIdOf(account.address, datasetId, version));
  if (BigInt(listed) === 0n) return;
  throw new WeighbridgeError('BAD_INPUT', `version ${version} of this dataset is listed already`, {
    next: 'Name the newest version with --new-version-of.',
  });
}

function published(sealed: Sealed, journal: Journal, already: boolean): Published {
  return {
    id: sealed.keyId,
    datasetId: sealed.datasetId,
    version: sealed.datasetVersion,
    logIndex: journal.listed?.logIndex ?? 0,
    rowCount: sealed.rowCount,
    pieces: sealed.pieces.map(({ pieceCid, sizeBytes, rowCount }) => ({ pieceCid, sizeBytes, rowCount })),
    transaction: journal.offered?.transaction ?? null,
    already,
  };
}
