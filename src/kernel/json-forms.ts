import { z } from 'zod';
import { addressSchema as address, bytes32Schema as bytes32 } from './hex-schemas.js';
import type { Licence, Offer, Order, Share } from './typed-data.js';

/** The JSON forms of what people sign: amounts and times as decimal strings, everything else as it is. */
const natural = z.string().regex(/^(0|[1-9]\d{0,77})$/, 'a decimal number without sign or leading zero');

export const shareJson = z.strictObject({ to: address, amount: natural });
export type ShareJson = z.infer<typeof shareJson>;

export const orderJson = z.strictObject({
  keyId: bytes32,
  offer: bytes32,
  buyer: address,
  operator: address,
  licence: bytes32,
  jobDigest: bytes32,
  epsilonMicros: natural,
  deadline: natural,
  salt: bytes32,
});
export type OrderJson = z.infer<typeof orderJson>;

export const offerJson = z.strictObject({
  datasetId: bytes32,
  version: z.number().int().min(1).max(0xffffffff),
  seller: address,
  price: natural,
  nodeFee: natural,
  pricePerEpsilon: natural,
  maxEpsilonMicros: natural,
  payees: z.array(shareJson).max(16),
  operators: z.array(address).min(1).max(16),
  termsDigest: bytes32,
  manifestDigest: bytes32,
  validUntil: natural,
});
export type OfferJson = z.infer<typeof offerJson>;

export const licenceJson = z.strictObject({
  keyId: bytes32,
  termsDigest: bytes32,
  buyer: address,
  purposeCommitment: bytes32,
  validUntil: natural,
  nonce: bytes32,
});
export type LicenceJson = z.infer<typeof licenceJson>;

export function shareToJson({ to, amount }: Share): ShareJson {
  return { to, amount: amount.toString() };
}

export function shareFromJson({ to, amount }: ShareJson): Share {
  return { to, amount: BigInt(amount) };
}

export function orderToJson(order: Order): OrderJson {
  return { ...order, epsilonMicros: order.epsilonMicros.toString(), deadline: order.deadline.toString() };
}

export function orderFromJson(json: OrderJson): Order {
  return { ...json, epsilonMicros: BigInt(json.epsilonMicros), deadline: BigInt(json.deadline) };
}

export function offerToJson(offer: Offer): OfferJson {
  return {
    ...offer,
    price: offer.price.toString(),
    nodeFee: offer.nodeFee.toString(),
    pricePerEpsilon: offer.pricePerEpsilon.toString(),
    maxEpsilonMicros: offer.maxEpsilonMicros.toString(),
    payees: offer.payees.map(shareToJson),
    validUntil: offer.validUntil.toString(),
  };
}

export function offerFromJson(json: OfferJson): Offer {
  return {
    ...json,
    price: BigInt(json.price),
    nodeFee: BigInt(json.nodeFee),
    pricePerEpsilon: BigInt(json.pricePerEpsilon),
    maxEpsilonMicros: BigInt(json.maxEpsilonMicros),
    payees: json.payees.map(shareFromJson),
    validUntil: BigInt(json.validUntil),
  };
}

export function licenceToJson(licence: Licence): LicenceJson {
  return { ...licence, validUntil: licence.validUntil.toString() };
}

export function licenceFromJson(json: LicenceJson): Licence {
  return { ...json, validUntil: BigInt(json.validUntil) };
}
