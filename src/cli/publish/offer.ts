import {
  keyIdOf,
  jsonDigest,
  marketplaceDomain,
  offerToJson,
  TYPES,
  type Bytes32,
  type Deployed,
  type Offer,
} from '../../kernel/index.js';
import { manifestSchema, privacyPricesOf, type Manifest } from '../../catalog/manifest.js';
import type { Account } from '../ports.js';
import type { DatasetSlot, Offered, Sealed } from './journal.js';
import type { PublishPlan } from './plan.js';

const DAY_SECONDS = 86_400;

/** The public description of what was sealed. The same input gives the same manifest: its digest is in the offer. */
export function manifestOf(plan: PublishPlan, slot: DatasetSlot, sealed: Sealed): Manifest {
  const { keyId, rowCount, columns, frameBytes, pieces, wrappedKey } = sealed;
  return manifestSchema.parse({
    version: 1,
    datasetId: slot.datasetId,
    datasetVersion: slot.version,
    keyId,
    title: plan.title,
    description: plan.description,
    tags: plan.tags,
    rowCount,
    columns,
    ...(plan.label === undefined ? {} : { label: plan.label }),
    encryption: { scheme: 'weighbridge-envelope-v1', frameBytes },
    format: 'parquet',
    pieces,
    wrappedKey,
  } satisfies Manifest);
}

/**
 * The seller's offer: node and protocol get their part of the price, the payee gets the rest. What adds up to the price
 * here is what the contract adds up again.
 */
export function offerOf(plan: PublishPlan, manifest: Manifest, now: Date): Offer {
  const amount = plan.priceWei - plan.nodeFeeWei - plan.protocolFeeWei;
  return {
    datasetId: manifest.datasetId,
    version: manifest.datasetVersion,
    // `keyId` was made of the seller's address when the dataset was sealed.
    seller: plan.seller,
    price: plan.priceWei,
    nodeFee: plan.nodeFeeWei,
    ...privacyPricesOf(plan.terms.privacy),
    payees: amount === 0n ? [] : [{ to: plan.payee, amount }],
    operators: plan.operators,
    termsDigest: `0x${jsonDigest(plan.terms)}`,
    manifestDigest: `0x${jsonDigest(manifest)}`,
    validUntil: BigInt(Math.floor(now.getTime() / 1000) + plan.validDays * DAY_SECONDS),
  };
}

/** Signs the offer (EIP-712). @throws Error if the key id would not be the sealed one: the key was wrapped for that */
export async function signOffer(
  market: Deployed,
  account: Account,
  offer: Offer,
  keyId: Bytes32,
  now: Date,
): Promise<Offered> {
  if (keyIdOf(offer.seller, offer.datasetId, offer.version) !== keyId) {
    throw new Error('the offer names another key than the one that was wrapped');
  }
  const signature = await account.signTypedData({
    domain: marketplaceDomain(market),
    types: TYPES,
    primaryType: 'Offer',
    message: offer,
  });
  return { offer: offerToJson(offer), signature, listedAt: now.toISOString() };
}
