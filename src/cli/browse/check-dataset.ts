import { verifyTypedData } from 'viem';
import {
  jsonDigest,
  keyIdOf,
  marketplaceDomain,
  offerDigest,
  offerFromJson,
  TYPES,
  WeighbridgeError,
  type Bytes32,
  type Deployed,
  type Network,
  type Offer,
} from '../../kernel/index.js';
import type { Dataset } from '../api/schemas.js';
import type { ChainReader } from '../ports.js';

/** A dataset whose parts were found to belong together. */
export interface CheckedDataset {
  dataset: Dataset;
  offer: Offer;
  offerDigest: Bytes32;
}

/**
 * Checks what the marketplace says about a dataset against the seller's signature and the chain: a buyer signs and pays for
 * what it has seen, not for what the API made of it.
 * @throws WeighbridgeError OFFER_MISMATCH naming what does not fit, DATASET_REVOKED, WRONG_CHAIN, CHAIN_UNAVAILABLE
 */
export async function checkDataset(
  dataset: Dataset,
  network: Network,
  chain: Pick<ChainReader, 'offerOf' | 'isRevoked'>,
): Promise<CheckedDataset> {
  const market = { chainId: network.chainId, contract: network.contracts.marketplace };
  // First, because a network file of another chain makes every signature look wrong, and the seller look like a cheat.
  const [listed, revoked] = await Promise.all([chain.offerOf(dataset.id), chain.isRevoked(dataset.id)]);
  const offer = await checkSigned(dataset, market);
  const told = toldOtherwise(dataset, offer);
  if (told !== undefined) throw mismatch(`its ${told} is not what the seller signed`);
  const digest = offerDigest(market, offer);
  if (revoked) {
    throw new WeighbridgeError('DATASET_REVOKED', 'the seller has revoked this dataset', {
      next: 'Choose another: "weighbridge search".',
    });
  }
  if (listed !== digest) throw mismatch('the chain holds another offer: the seller may just have changed it');
  return { dataset, offer, offerDigest: digest };
}

/** The offer of a dataset, if the seller signed it and its manifest and terms. @throws WeighbridgeError OFFER_MISMATCH */
export async function checkSigned(dataset: Dataset, market: Deployed): Promise<Offer> {
  const { manifest, terms, offerSignature: signature } = dataset;
  const offer = offerFromJson(dataset.offer);
  if (keyIdOf(offer.seller, offer.datasetId, offer.version) !== dataset.id)
    throw mismatch('the offer is for another dataset');
  if (manifest.keyId !== dataset.id || manifest.wrappedKey.condition.keyId !== dataset.id) {
    throw mismatch('the manifest is of another dataset');
  }
  if (offer.manifestDigest !== `0x${jsonDigest(manifest)}`)
    throw mismatch('the manifest is not the one that was offered');
  if (offer.termsDigest !== `0x${jsonDigest(terms)}`) throw mismatch('the terms are not the ones that were offered');
  const typedData = { domain: marketplaceDomain(market), types: TYPES, primaryType: 'Offer', message: offer } as const;
  if (!(await verifyTypedData({ ...typedData, address: offer.seller, signature }).catch(() => false))) {
    throw mismatch('the seller did not sign the offer');
  }
  return offer;
}

/** What a buyer looks at is told beside what is signed: the price that it saw must be the one that it pays. */
function toldOtherwise(dataset: Dataset, offer: Offer): string | undefined {
  const { manifest } = dataset;
  const told: [string, unknown, unknown][] = [
    ['price', dataset.priceWei, offer.price],
    ['seller', dataset.seller.toLowerCase(), offer.seller.toLowerCase()],
    ['version', dataset.version, offer.version],
    ['title', dataset.title, manifest.title],
    ['description', dataset.description, manifest.description],
    ['number of rows', dataset.rowCount, manifest.rowCount],
    ['label', dataset.label, manifest.label ?? null],
  ];
  return told.find(([, said, signed]) => said !== signed)?.[0];
}

function mismatch(what: string): WeighbridgeError {
  return new WeighbridgeError('OFFER_MISMATCH', `the marketplace's answer does not hold: ${what}`, {
    next: 'Look at the dataset again with "weighbridge show". If this stays, do not buy it here, and tell the seller.',
  });
}
