import { Inject, Injectable } from '@nestjs/common';
import {
  amountOf,
  orderFromJson,
  orderIdOf,
  orderJson,
  splitOf,
  type Address,
  type Bytes32,
  type Network,
  type Order,
} from '../../kernel/index.js';
import { FindLicence, licenceExpired, type MarketplaceChain } from '../../access/index.js';
import { datasetRevoked, FindDataset, offerMismatch, shardIdOf, type ListedOffer } from '../../catalog/index.js';
import { assertAllowed, type Viewer } from '../../identity/index.js';
import { MARKETPLACE_CHAIN, marketOf, NETWORK, parseInput } from '../../platform/index.js';
import { familiesOf, type Reservation } from '../../privacy/index.js';
import { JobRepository } from '../job.repository.js';
import type { Job, NewJob } from '../job.js';
import { declarationSchema, type ModelDeclaration } from '../model-declaration.js';
import { checkPrivacyTerms, lossOfRun } from '../private-run.js';
import { runMessage } from '../run-message.js';
import { checkEscrow } from './check-escrow.js';
import { CheckModel } from './check-model.js';
import { checkOrder } from './check-order.js';
import { checkRecipient } from './check-recipient.js';

export interface SubmitJobInput {
  order: unknown;
  declaration: unknown;
  recipient: string;
}
type Chain = Pick<MarketplaceChain, 'order' | 'now' | 'isRevoked' | 'isLicenceRevoked'>;

/**
 * Takes a paid order in: everything that can be known before a key is released is checked, and then the job and the message
 * that starts it are written in one transaction. The same order again answers with the job that is there.
 */
@Injectable()
export class SubmitJob {
  constructor(
    private readonly jobs: JobRepository,
    private readonly datasets: FindDataset,
    private readonly licences: FindLicence,
    private readonly models: CheckModel,
    @Inject(NETWORK) private readonly network: Network,
    @Inject(MARKETPLACE_CHAIN) private readonly chain: Chain,
  ) {}

  /**
   * @throws WeighbridgeError UNAUTHENTICATED, FORBIDDEN, BAD_INPUT, DATASET_NOT_FOUND, OFFER_MISMATCH, DIGEST_MISMATCH,
   *   DEADLINE_PASSED, LICENCE_NOT_FOUND, LICENCE_EXPIRED, DATASET_REVOKED, ESCROW_NOT_FOUND, ESCROW_MISMATCH,
   *   BLOB_NOT_FOUND, MODEL_REJECTED, MODEL_DOES_NOT_FIT, PRIVACY_REFUSED, BUDGET_EXHAUSTED, CHAIN_UNAVAILABLE
   */
  async run(viewer: Viewer | undefined, input: SubmitJobInput): Promise<Job> {
    const order = orderFromJson(parseInput('order', orderJson, input.order));
    assertAllowed(viewer, 'job.submit', { buyer: order.buyer });
    const declaration = parseInput('declaration', declarationSchema, input.declaration);
    const id = orderIdOf(marketOf(this.network), order);
    const known = await this.jobs.find(id);
    if (known !== undefined) return known;
    checkRecipient(input.recipient);
    const job = await this.check(viewer, id, order, declaration, input.recipient);
    const { manifest } = await this.datasets.byKeyId(job.keyId);
    await this.models.assertFits(manifest, job.declaration);
    return (await this.jobs.create(job, [runMessage(id)], await this.reservationOf(job))).job;
  }

  private async check(
    viewer: Viewer,
    id: Bytes32,
    order: Order,
    declaration: ModelDeclaration,
    recipient: string,
  ): Promise<NewJob> {
    const { operator, treasury, protocolFeeBps } = this.network;
    const { offer } = await this.offerOf(order);
    checkOrder(order, declaration, offer, operator, await this.chain.now());
    await this.licences.assertUsable(order.licence, viewer, order.keyId, new Date());
    await this.assertNotRevoked(order);
    const shares = splitOf(offer, order, treasury, protocolFeeBps);
    checkEscrow(await this.chain.order(id), order, offer, shares);
    return {
      id,
      keyId: order.keyId,
      buyer: viewer.address,
      seller: lower(offer.seller),
      operator: lower(operator),
      order,
      offer,
      shares,
      licenceId: order.licence,
      jobDigest: order.jobDigest,
      declaration,
      recipient,
      priceWei: amountOf(offer, order.epsilonMicros),
      deadline: new Date(Number(order.deadline) * 1000),
    };
  }

  /** What a private run takes, and of which shards. */
  private async reservationOf({
    keyId,
    offer,
    declaration,
  }: NewJob): Promise<Omit<Reservation, 'orderId'> | undefined> {
    const terms = await this.datasets.terms(offer.termsDigest);
    checkPrivacyTerms(declaration, terms.privacy);
    const { privacy } = declaration;
    if (privacy === 'none' || terms.privacy.budget === undefined) return undefined;
    const [{ manifest }, versions] = await Promise.all([
      this.datasets.byKeyId(keyId),
      this.datasets.shardsOfVersions(offer),
    ]);
    const families = familiesOf(versions, manifest.pieces.map(shardIdOf));
    return { families, loss: lossOfRun(privacy), budget: terms.privacy.budget };
  }

  /** The offer that the order was opened against, which need not be the one that counts now. */
  private async offerOf(order: Order): Promise<ListedOffer> {
    const dataset = await this.datasets.byKeyId(order.keyId);
    const listed = await this.datasets.offer(order.offer);
    if (listed?.keyId === order.keyId) return listed;
    throw offerMismatch('the order names an offer that this dataset never had', 'Order against its present offer.', {
      offerDigest: dataset.offerDigest,
    });
  }

  private async assertNotRevoked({ keyId, licence }: Order): Promise<void> {
    const [dataset, ofLicence] = await Promise.all([
      this.chain.isRevoked(keyId),
      this.chain.isLicenceRevoked(keyId, licence),
    ]);
    if (dataset) throw datasetRevoked(keyId);
    if (ofLicence) throw licenceExpired(licence, 'the seller revoked it');
  }
}

function lower(address: Address): Address {
  return address.toLowerCase() as Address;
}
