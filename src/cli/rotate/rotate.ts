import path from 'node:path';
import {
  jsonDigest,
  keyIdOf,
  offerFromJson,
  WeighbridgeError,
  type Bytes32,
  type Network,
  type Offer,
} from '../../kernel/index.js';
import type { Manifest } from '../../catalog/manifest.js';
import { openParts, shardKeyOf } from '../../storage/index.js';
import type { MarketApi } from '../api/market-api.js';
import type { Dataset } from '../api/schemas.js';
import { checkSigned } from '../browse/check-dataset.js';
import type { Account, Adapters } from '../ports.js';
import { journalIn, type DatasetSlot, type JournalFile, type Sealed } from '../publish/journal.js';
import { listDataset } from '../publish/list.js';
import { signOffer } from '../publish/offer.js';
import { sealVersion } from '../publish/seal-version.js';
import { beginAt } from '../publish/slot.js';
import { withLock } from '../state/lock.js';
import { leaveRepairPermits, signRepairPermits } from '../storage/repair-permits.js';
import { shardSecret, shardSecretFile } from '../state/shard-secret.js';
import type { StateDir } from '../state/state-dir.js';
import type { Ui } from '../ui/ui.js';
import { counted } from '../ui/text.js';

export interface RotateDeps {
  ui: Ui;
  network: Network;
  account: Account;
  state: StateDir;
  api: Pick<MarketApi, 'dataset' | 'listDataset' | 'permitRepairs'>;
  adapters: Pick<Adapters, 'keyWrapper' | 'pieceParts' | 'storageNetwork' | 'sellerStorage' | 'sellerChain'>;
  now(): Date;
}

export interface Rotated {
  id: Bytes32;
  version: number;
  pieces: number;
  logIndex: number;
  /** An earlier run listed it; this one left permits for repairs anew. */
  already: boolean;
}

/**
 * Lists the next version of a dataset: the same pieces, their keys wrapped under a new version key. No piece is sent, and
 * nothing of the seller's file is needed. Interrupted, the same command goes on; nothing is listed twice.
 * @throws WeighbridgeError FORBIDDEN, BAD_INPUT, OFFER_MISMATCH, SHARD_KEY_REFUSED
 */
export async function rotate(id: string, validDays: number, deps: RotateDeps): Promise<Rotated> {
  const { network, account, state, api, adapters, ui } = deps;
  const market = { chainId: network.chainId, contract: network.contracts.marketplace };
  const previous = await api.dataset(id);
  const offer = await checkSigned(previous, market);
  const dir = state.publish(jsonDigest({ rotate: previous.id, seller: account.address }));
  return withLock(path.join(dir, 'lock'), async () => {
    const journal = await journalIn(dir);
    if (journal.now().slot === undefined) {
      const chain = async () => adapters.sellerChain(network, account);
      await journal.note(await beginAt(previous.id, account, market, api, chain));
    }
    const { slot } = journal.now();
    if (slot === undefined) throw new Error('the slot was just chosen');
    const sealed = journal.now().sealed ?? (await rewrap(previous, slot, journal, deps));
    const manifest: Manifest = {
      ...previous.manifest,
      keyId: sealed.keyId,
      datasetVersion: slot.version,
      pieces: sealed.pieces,
      wrappedKey: sealed.wrappedKey,
    };
    await offerAgain(offer, manifest, validDays, journal, deps);
    const { offered, copies, listed } = journal.now();
    if (offered === undefined || copies === undefined) throw new Error('offer and copies were just noted');
    ui.note('listing with the marketplace');
    const done = listed ?? (await listDataset(api, market, account, manifest, previous.terms, { ...offered, copies }));
    await journal.note({ listed: done });
    // Permits are left for a version: without new ones a copy could be replaced only as long as the version before is watched.
    const storage = deps.adapters.sellerStorage(network, account);
    const permits = storage.then(async (opened) => signRepairPermits(opened, slot.datasetId, sealed.pieces));
    await leaveRepairPermits(deps, sealed.keyId, permits);
    const { keyId, pieces } = sealed;
    return {
      id: keyId,
      version: slot.version,
      pieces: pieces.length,
      logIndex: done.logIndex,
      already: listed !== undefined,
    };
  });
}

/** Wraps each shard's key anew, once it is certain that they are the right ones: nobody could open the listing otherwise. */
async function rewrap(
  { seller, manifest }: Dataset,
  slot: DatasetSlot,
  journal: JournalFile,
  { network, account, adapters, state, ui }: RotateDeps,
): Promise<Sealed> {
  const keyId = keyIdOf(account.address, slot.datasetId, slot.version);
  const secret = await shardSecret(shardSecretFile(state.root, account.address));
  try {
    const pieces = manifest.pieces.map(({ wrappedKey: _key, ...piece }) => piece);
    await assertKeyOpens(pieces[0], slot, secret, await adapters.pieceParts(network));
    const storage = await adapters.storageNetwork(network);
    const pieceCids = pieces.map(({ pieceCid }) => pieceCid);
    const copies = await storage.copiesOf(seller, slot.datasetId, pieceCids);
    if (copies.length === 0) throw refused('no copy of its pieces is on chain', 'Publish the file again.');
    await journal.note({ copies: copies.map(({ providerId, dataSetId }) => ({ providerId, dataSetId })) });
    ui.note(`wrapping the keys of ${counted(pieces.length, 'shard')} under a new key`);
    const made = { columns: manifest.columns, rowCount: manifest.rowCount, pieces };
    const sealed = await sealVersion(slot, keyId, made, secret, await adapters.keyWrapper(network));
    await journal.note({ sealed });
    return sealed;
  } finally {
    secret.fill(0);
  }
}

/** Opens the first frame of a piece, which is all that is fetched. After a revocation the slot asks for other shard keys. */
async function assertKeyOpens(
  piece: { pieceCid: string; shardId: Bytes32 } | undefined,
  { datasetId, keyEpoch }: DatasetSlot,
  secret: Uint8Array,
  parts: Parameters<typeof openParts>[0],
): Promise<void> {
  if (piece === undefined) return;
  try {
    await openParts(parts, piece.pieceCid, () => shardKeyOf(secret, { datasetId, keyEpoch, shardId: piece.shardId }));
  } catch (error) {
    if (!(error instanceof WeighbridgeError) || error.code !== 'PIECE_CORRUPT') throw error;
    throw refused(
      'its shards are not under keys that this machine would give them now: a version was revoked since, or the shard secret is another',
      'Publish the file again with --new-version-of: every shard then has a new key.',
    );
  }
}

/** The seller's terms, price and payees stay; version, manifest and time are new. */
async function offerAgain(
  before: Offer,
  manifest: Manifest,
  validDays: number,
  journal: JournalFile,
  { network, account, adapters, ui, now }: RotateDeps,
): Promise<void> {
  const market = { chainId: network.chainId, contract: network.contracts.marketplace };
  let { offered } = journal.now();
  if (offered === undefined) {
    const offer: Offer = {
      ...before,
      version: manifest.datasetVersion,
      manifestDigest: `0x${jsonDigest(manifest)}`,
      validUntil: BigInt(Math.floor(now().getTime() / 1000) + validDays * 86_400),
    };
    offered = await signOffer(market, account, offer, manifest.keyId, now());
    await journal.note({ offered });
  }
  if (offered.transaction !== undefined) return;
  ui.note('registering the offer on chain');
  const chain = await adapters.sellerChain(network, account);
  const transaction = await chain.listOffer(offerFromJson(offered.offer));
  await journal.note({ offered: { ...offered, transaction } });
}

function refused(what: string, next: string): WeighbridgeError {
  return new WeighbridgeError('SHARD_KEY_REFUSED', `the dataset cannot be rotated: ${what}`, { next });
}
