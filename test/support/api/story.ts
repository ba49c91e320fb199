import { randomBytes } from 'node:crypto';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import type { LocalAccount } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { purposeCommitment } from '../../../src/access/index.js';
import type { Manifest, Terms } from '../../../src/catalog/index.js';
import {
  jsonDigest,
  keyIdOf,
  licenceDigest,
  licenceToJson,
  marketplaceDomain,
  offerDigest,
  offerToJson,
  orderToJson,
  protocolFeeWei,
  to0x,
  TYPES,
  type Licence,
  type Network,
  type Offer,
  type Order,
} from '../../../src/kernel/index.js';
import { marketOf } from '../../../src/platform/index.js';
import { datasetListedRecord, FIRST_POSITION, sealRecord } from '../../../src/provenance/index.js';
import { buildRecipe, type BuiltModel } from '../../../src/training/recipes/build-recipe.js';

export const newAccount = (): LocalAccount => privateKeyToAccount(generatePrivateKey());
const random32 = (): `0x${string}` => to0x(randomBytes(32));
export const nowSeconds = (): number => Math.floor(Date.now() / 1000);
const PRICE_WEI = 5n * 10n ** 18n;
const NODE_FEE_WEI = 10n ** 18n;

export const TERMS: Terms = {
  version: 1,
  title: 'Research use',
  text: 'Train on it; publish no rows.',
  purposes: ['research', 'teaching'],
  privacy: { trainingWithoutPrivacy: true },
  licenceDays: 30,
};

export interface ListingChange {
  manifest?: Partial<Manifest>;
  terms?: Terms;
  offer?: Partial<Offer>;
  datasetId?: `0x${string}`;
  /** What the record says beside the manifest and offer that it belongs to. */
  record?: Partial<
    Pick<Parameters<typeof datasetListedRecord>[1], 'pieces' | 'position' | 'listedAt' | 'offerSignature'>
  >;
  /** Signs offer and record instead of the seller. */
  signer?: LocalAccount;
}

/** A listing as a seller's CLI makes it: every digest and signature is real, the ciphertext is not there. */
export async function makeListing(network: Network, seller: LocalAccount, change: ListingChange = {}) {
  const datasetId = change.datasetId ?? random32();
  const version = change.offer?.version ?? 1;
  const keyId = keyIdOf(seller.address, datasetId, version);
  const market = marketOf(network);
  const manifest: Manifest = {
    version: 1,
    datasetId,
    datasetVersion: version,
    keyId,
    title: 'Handwritten digits',
    description: 'Eight by eight pixels.',
    tags: ['images', 'digits'],
    rowCount: 1797,
    columns: [
      { name: 'pixel_0', type: 'number', range: { min: 0, max: 16 } },
      { name: 'pixel_1', type: 'number', range: { min: 0, max: 16 } },
      { name: 'digit', type: 'integer', vocabulary: [0, 1, 2] },
    ],
    label: 'digit',
    encryption: { scheme: 'weighbridge-envelope-v1', frameBytes: 65_536 },
    format: 'parquet',
    pieces: [
      {
        pieceCid: 'bafkzcibexample',
        sizeBytes: 100_000,
        rowCount: 1797,
        shardId: `0x${'5a'.repeat(32)}`,
        wrappedKey: '00'.repeat(40),
      },
    ],
    wrappedKey: {
      scheme: 'lit-bls12381-v1',
      ciphertext: 'AAAA',
      dataToEncryptHash: 'ab'.repeat(32),
      condition: { chainId: market.chainId, marketplace: market.contract, keyId },
    },
    ...change.manifest,
  };
  const terms = change.terms ?? TERMS;
  const price = change.offer?.price ?? PRICE_WEI;
  const offer: Offer = {
    datasetId,
    version,
    seller: seller.address,
    price,
    nodeFee: NODE_FEE_WEI,
    pricePerEpsilon: 0n,
    maxEpsilonMicros: 0n,
    payees: [{ to: seller.address, amount: price - NODE_FEE_WEI - protocolFeeWei(price, network.protocolFeeBps) }],
    operators: [network.operator],
    termsDigest: `0x${jsonDigest(terms)}`,
    manifestDigest: `0x${jsonDigest(manifest)}`,
    validUntil: BigInt(nowSeconds() + 86_400),
    ...change.offer,
  };
  const signer = change.signer ?? seller;
  const domain = marketplaceDomain(market);
  const offerSignature = await signer.signTypedData({ domain, types: TYPES, primaryType: 'Offer', message: offer });
  const { pieces } = manifest;
  const copies = [1, 2].map((id) => ({ providerId: id, dataSetId: id }));
  const facts = {
    offer,
    offerSignature,
    pieces,
    copies,
    position: FIRST_POSITION,
    listedAt: new Date(),
    ...change.record,
  };
  const record = datasetListedRecord(market, facts);
  // The record says who the seller is; a forger can only sign it as somebody else.
  const entry = await sealRecord({ ...record, signer });
  const envelope = JSON.parse(new TextDecoder().decode(entry).split('\n').slice(1).join('\n')) as object;
  const input = { manifest, terms, offer: offerToJson(offer), offerSignature, envelope };
  return { keyId, manifest, terms, offer, offerDigest: offerDigest(market, offer), entry, input };
}
export type MadeListing = Awaited<ReturnType<typeof makeListing>>;

/** A licence as a buyer's CLI makes it. */
export async function makeLicence(
  network: Network,
  buyer: LocalAccount,
  listing: Pick<MadeListing, 'keyId' | 'offer'>,
  change: Partial<Licence> & { purpose?: string; signer?: LocalAccount; pseudonym?: LocalAccount } = {},
) {
  const { purpose = 'research', pseudonym = newAccount(), signer = pseudonym, ...fields } = change;
  const detail = { purpose, salt: random32() };
  const licence: Licence = {
    keyId: listing.keyId,
    termsDigest: listing.offer.termsDigest,
    buyer: pseudonym.address,
    purposeCommitment: purposeCommitment(detail),
    validUntil: BigInt(nowSeconds() + 7 * 86_400),
    nonce: random32(),
    ...fields,
  };
  const domain = marketplaceDomain(marketOf(network));
  const signature = await signer.signTypedData({ domain, types: TYPES, primaryType: 'Licence', message: licence });
  const own = { keyId: licence.keyId, pseudonym: licence.buyer };
  const pseudonymSignature = await buyer.signTypedData({
    domain,
    types: TYPES,
    primaryType: 'Pseudonym',
    message: own,
  });
  const input = { licence: licenceToJson(licence), signature, pseudonymSignature, purpose, purposeSalt: detail.salt };
  return { id: licenceDigest(marketOf(network), licence), licence, input };
}
export type MadeLicence = Awaited<ReturnType<typeof makeLicence>>;

/** A model of the `mlp` recipe, and an order for it. */
export async function makeOrder(
  network: Network,
  buyer: LocalAccount,
  listing: MadeListing,
  licence: Pick<MadeLicence, 'id'>,
  change: Partial<Order> = {},
  model: BuiltModel = buildRecipe('mlp', { manifest: listing.manifest, epochs: 2 }),
) {
  const order: Order = {
    keyId: listing.keyId,
    offer: listing.offerDigest,
    buyer: buyer.address,
    operator: network.operator,
    licence: licence.id,
    jobDigest: `0x${jsonDigest(model.declaration)}`,
    epsilonMicros: 0n,
    deadline: BigInt(nowSeconds() + 3_600),
    salt: random32(),
    ...change,
  };
  const recipient = await identityToRecipient(await generateIdentity());
  return { order, model, input: { order: orderToJson(order), declaration: model.declaration, recipient } };
}
export type MadeOrder = Awaited<ReturnType<typeof makeOrder>>;
