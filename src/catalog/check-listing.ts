import { isAddressEqual, recoverTypedDataAddress } from 'viem';
import {
  canonicalJson,
  jsonDigest,
  keyIdOf,
  mostOf,
  marketplaceDomain,
  offerDigest,
  protocolFeeWei,
  TYPES,
  WeighbridgeError,
  type Deployed,
  type Hex,
  type Network,
  type Offer,
} from '../kernel/index.js';
import { marketOf } from '../platform/index.js';
import { offerMismatch } from './catalog.errors.js';
import type { Listing } from './dataset.js';
import { heldOutRows, namesUnits, privacyPricesOf, trainingPieces, type Manifest, type Terms } from './manifest.js';

const REBUILD = 'Publish again with the same command: it makes manifest, terms and offer from one another.';

/**
 * Everything about a listing that can be told without log or chain: that manifest, terms and offer are about one another
 * and about this deployment, that the money adds up, and that the seller signed.
 * @throws WeighbridgeError OFFER_MISMATCH, BAD_PRICE, BAD_INPUT, BAD_SIGNATURE
 */
export async function checkListing(
  input: { manifest: Manifest; terms: Terms; offer: Offer; offerSignature: Hex },
  network: Network,
  now: Date,
): Promise<Listing> {
  const { manifest, terms, offer } = input;
  const market = marketOf(network);
  const keyId = keyIdOf(offer.seller, offer.datasetId, offer.version);
  assertDigests(manifest, terms, offer);
  assertSameDataset(manifest, offer, keyId, market);
  assertColumns(manifest, terms);
  assertHoldout(manifest, terms);
  assertMoney(offer, terms, network);
  if (!offer.operators.some((operator) => isAddressEqual(operator, network.operator))) {
    throw offerMismatch('the offer allows no operator of this deployment', `Allow ${network.operator}.`);
  }
  if (offer.validUntil * 1000n <= BigInt(now.getTime())) {
    throw offerMismatch('the offer is no longer valid', 'Sign an offer with a later validUntil.');
  }
  await assertOfferSigned(offer, input.offerSignature, market);
  return { ...input, keyId, offerDigest: offerDigest(market, offer) };
}

function assertDigests(manifest: Manifest, terms: Terms, offer: Offer): void {
  if (`0x${jsonDigest(manifest)}` !== offer.manifestDigest) {
    throw offerMismatch('the offer is for another manifest (manifestDigest)', REBUILD);
  }
  if (`0x${jsonDigest(terms)}` !== offer.termsDigest) {
    throw offerMismatch('the offer is for other terms (termsDigest)', REBUILD);
  }
}

/** A manifest under another's key id, or a key wrapped for another contract, would sell what cannot be opened. */
function assertSameDataset(manifest: Manifest, offer: Offer, keyId: Hex, market: Deployed): void {
  const { condition } = manifest.wrappedKey;
  const wanted = { datasetId: offer.datasetId, version: offer.version, keyId, conditionKeyId: keyId };
  const given = {
    datasetId: manifest.datasetId,
    version: manifest.datasetVersion,
    keyId: manifest.keyId,
    conditionKeyId: condition.keyId,
  };
  if (canonicalJson(wanted) !== canonicalJson(given)) {
    throw offerMismatch('manifest and offer are about different datasets', REBUILD, { wanted, given });
  }
  if (condition.chainId !== market.chainId || !isAddressEqual(condition.marketplace, market.contract)) {
    throw offerMismatch('the data key is wrapped for another deployment', 'Publish against this network file.');
  }
}

function assertColumns({ columns, label }: Manifest, { privacy }: Terms): void {
  const names = columns.map((column) => column.name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  const wrong = twice !== undefined ? `column "${twice}" is there twice` : undefined;
  const unknown = label !== undefined && !names.includes(label) ? `there is no label column "${label}"` : undefined;
  const unit = privacy.budget?.unitColumn;
  const nobody =
    unit !== undefined && !namesUnits(columns, unit) ? `the terms protect "${unit}", no column of names` : undefined;
  const message = wrong ?? unknown ?? nobody;
  if (message !== undefined) throw new WeighbridgeError('BAD_INPUT', message, { next: 'Correct the schema.' });
}

/** Terms and manifest say the same of rows that are held out, and the place of a piece tells which they are. */
function assertHoldout({ pieces, rowCount }: Manifest, { privacy }: Terms): void {
  const training = trainingPieces(pieces);
  const rows = training.reduce((sum, piece) => sum + piece.rowCount, 0);
  const wrong: [boolean, string][] = [
    [
      (privacy.holdout !== undefined) !== heldOutRows(pieces) > 0,
      'terms and manifest differ on rows that are held out',
    ],
    [training.some((piece, number) => piece !== pieces[number]), 'pieces that are held out stand before others'],
    [rows !== rowCount, `the pieces that train hold ${rows} rows, the manifest says ${rowCount}`],
    [privacy.holdout !== undefined && privacy.budget === undefined, 'no privacy budget pays for a metric'],
  ];
  const message = wrong.find(([isWrong]) => isWrong)?.[1];
  if (message !== undefined) throw offerMismatch(message, REBUILD);
}

/** As `Marketplace.list` computes it: an offer that does not add up could never be opened. */
function assertMoney(offer: Offer, terms: Terms, { protocolFeeBps }: Network): void {
  const fee = protocolFeeWei(offer.price, protocolFeeBps);
  const sum = offer.payees.reduce((total, { amount }) => total + amount, offer.nodeFee + fee);
  if (sum === offer.price) {
    assertPrivacyPrice(offer, terms);
    return;
  }
  throw new WeighbridgeError(
    'BAD_PRICE',
    `payees, node fee and protocol fee add up to ${sum}, the price is ${offer.price}`,
    {
      next: 'Make the shares add up to the price, in wei.',
      details: { sumWei: sum.toString(), priceWei: offer.price.toString(), protocolFeeWei: fee.toString() },
    },
  );
}

/** The offer's prices are what contracts see of the terms; a buyer reads the terms. */
function assertPrivacyPrice(offer: Offer, { privacy }: Terms): void {
  const { pricePerEpsilon, maxEpsilonMicros } = privacyPricesOf(privacy);
  if (offer.pricePerEpsilon !== pricePerEpsilon || offer.maxEpsilonMicros !== maxEpsilonMicros) {
    throw offerMismatch("the offer's privacy prices are not those of the terms", REBUILD);
  }
  const most = mostOf(offer);
  if (most.fits) return;
  throw new WeighbridgeError('BAD_PRICE', `a run could cost ${most.amountWei} wei, more than the token can hold`, {
    next: 'Lower the price per epsilon, or the most epsilon that a run may take.',
  });
}

async function assertOfferSigned(offer: Offer, signature: Hex, market: Deployed): Promise<void> {
  const typed = { domain: marketplaceDomain(market), types: TYPES, primaryType: 'Offer', message: offer } as const;
  const signer = await recoverTypedDataAddress({ ...typed, signature }).catch(() => undefined);
  if (signer !== undefined && isAddressEqual(signer, offer.seller)) return;
  throw new WeighbridgeError('BAD_SIGNATURE', `the offer is not signed by its seller ${offer.seller}`, {
    next: 'Sign the EIP-712 offer with the key of the seller, for this chain and contract.',
  });
}
