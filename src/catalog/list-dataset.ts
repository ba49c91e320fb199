import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { canonicalJson, offerFromJson, offerJson, WeighbridgeError, type Hex, type Network } from '../kernel/index.js';
import { assertAllowed, type Viewer } from '../identity/index.js';
import { LOG_CLIENT, MARKETPLACE_CHAIN, marketOf, NETWORK, parseInput, PrismaService } from '../platform/index.js';
import {
  acceptRecord,
  DatasetLog,
  entryBytes,
  envelopeSchema,
  verifyEntry,
  type Envelope,
  type LogClient,
  type LogEntry,
} from '../provenance/index.js';
import { datasetRevoked, offerMismatch } from './catalog.errors.js';
import { checkListing } from './check-listing.js';
import { DatasetRepository } from './dataset.repository.js';
import type { Dataset, Listing } from './dataset.js';
import { manifestSchema, termsSchema } from './manifest.js';
import type { OfferRegistry } from './ports.js';

export interface ListDatasetInput {
  manifest: unknown;
  terms: unknown;
  offer: unknown;
  offerSignature: string;
  envelope: unknown;
}
/** How far a seller's clock may run ahead. */
const CLOCK_SKEW_MS = 5 * 60 * 1000;

/**
 * Lists a dataset version. The seller's own record goes into the log first and the row after it: a crash between the two
 * leaves a logged listing that nobody can find, and the same call again, with the same bytes, finishes it.
 */
@Injectable()
export class ListDataset {
  private readonly log: DatasetLog;

  constructor(
    private readonly datasets: DatasetRepository,
    @Inject(NETWORK) private readonly network: Network,
    @Inject(LOG_CLIENT) log: LogClient,
    @Inject(MARKETPLACE_CHAIN) private readonly chain: OfferRegistry,
    private readonly prisma: PrismaService,
  ) {
    this.log = new DatasetLog(log, prisma);
  }

  /**
   * @throws WeighbridgeError UNAUTHENTICATED, FORBIDDEN, BAD_INPUT, BAD_PRICE, BAD_SIGNATURE, PROOF_INVALID, OFFER_MISMATCH,
   *   DATASET_REVOKED, RECORD_OUT_OF_ORDER, CHAIN_UNAVAILABLE, LOG_UNAVAILABLE
   */
  async run(viewer: Viewer | undefined, input: ListDatasetInput): Promise<Dataset> {
    const offer = offerFromJson(parseInput('offer', offerJson, input.offer));
    assertAllowed(viewer, 'dataset.list', { seller: offer.seller });
    const parsed = {
      manifest: parseInput('manifest', manifestSchema, input.manifest),
      terms: parseInput('terms', termsSchema, input.terms),
      offer,
      offerSignature: parseInput('offerSignature', signature, input.offerSignature),
    };
    const listing = await checkListing(parsed, this.network, new Date());
    const envelope = parseInput('envelope', envelopeSchema, input.envelope);
    const { entry, listedAt } = await this.checkRecord(listing, envelope);
    const known = await this.datasets.find(listing.keyId);
    if (known?.offerDigest === listing.offerDigest) return known;
    assertSameManifest(known, listing);
    await this.assertRegistered(listing);
    await this.prisma.$transaction(async (tx) => acceptRecord(tx, entry));
    const { index, leafHash } = await this.log.append(entry);
    const manifestDigest = listing.offer.manifestDigest.slice(2);
    const seller = viewer.address;
    await this.datasets.save({ ...listing, seller, manifestDigest, logIndex: index, listedAt }, leafHash);
    return (await this.datasets.find(listing.keyId)) ?? lostRow(listing);
  }

  /** The entry as it will stand in the log for ever: the seller's envelope under the header line that contracts compare. */
  private async checkRecord(listing: Listing, envelope: Envelope): Promise<{ entry: Uint8Array; listedAt: Date }> {
    const entry = entryBytes('dataset-listed', listing.offerDigest, envelope);
    const { network } = this;
    const record = await verifyEntry(entry, { market: marketOf(network), recorder: network.recorder });
    const listedAt = assertRecordsListing(record, listing);
    return { entry, listedAt };
  }

  /** The chain decides which offer counts: one that is not registered there could not be bought. */
  private async assertRegistered({ keyId, offerDigest }: Listing): Promise<void> {
    const [registered, revoked] = await Promise.all([this.chain.offerOf(keyId), this.chain.isRevoked(keyId)]);
    if (revoked) throw datasetRevoked(keyId);
    if (registered === offerDigest) return;
    throw offerMismatch(
      'this offer is not the one registered on chain',
      'Call Marketplace.list with it, then list again.',
      {
        registered,
        given: offerDigest,
      },
    );
  }
}

const signature = z
  .string()
  .regex(/^0x[0-9a-fA-F]{130}$/, '65 bytes as 0x and hex digits')
  .transform((s): Hex => s.toLowerCase() as Hex);

/** The header line binds the offer; what it does not bind is compared here. */
function assertRecordsListing(record: LogEntry, { manifest, offerSignature }: Listing): Date {
  if (record.type !== 'dataset-listed') throw offerMismatch('the envelope is no dataset-listed record', REBUILD);
  const pieces = manifest.pieces.map(({ pieceCid, sizeBytes }) => ({ pieceCid, sizeBytes }));
  if (canonicalJson(record.predicate.pieces) !== canonicalJson(pieces)) {
    throw offerMismatch('the record lists other pieces than the manifest', REBUILD);
  }
  if (record.predicate.offerSignature.toLowerCase() !== offerSignature) {
    throw offerMismatch('the record holds another signature of the offer', REBUILD);
  }
  const listedAt = new Date(record.predicate.listedAt);
  if (listedAt.getTime() > Date.now() + CLOCK_SKEW_MS) {
    throw offerMismatch('the record is dated in the future', 'Set your clock, and sign the record again.');
  }
  return listedAt;
}

const REBUILD = 'Build the record with datasetListedRecord from the same manifest and offer.';

/** A new offer may change price, payees and terms, never the data: that is a new version with a key of its own. */
function assertSameManifest(known: Dataset | undefined, { keyId, offer }: Listing): void {
  if (known === undefined || `0x${known.manifestDigest}` === offer.manifestDigest) return;
  throw offerMismatch('this dataset version is listed with another manifest', 'Publish a new version.', { keyId });
}

function lostRow({ keyId }: Listing): never {
  throw new WeighbridgeError('INTERNAL', `dataset ${keyId} vanished while it was listed`, { next: 'List it again.' });
}
