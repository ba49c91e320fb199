import type { Address, Bytes32, Hex, Offer } from '../kernel/index.js';
import type { Manifest, Terms } from './manifest.js';

/** What a seller hands in, read and found to hang together. */
export interface Listing {
  keyId: Bytes32;
  manifest: Manifest;
  terms: Terms;
  offer: Offer;
  offerDigest: Bytes32;
  offerSignature: Hex;
}

/** A dataset version as listed, with the offer that counts now. */
export interface Dataset extends Listing {
  seller: Address;
  /** SHA-256 of the manifest, 64 hex digits. */
  manifestDigest: string;
  /** Where its newest `dataset-listed` record stands in the log. */
  logIndex: number;
  listedAt: Date;
}

/** An offer that a dataset version has, or had: orders name one. */
export interface ListedOffer {
  keyId: Bytes32;
  digest: Bytes32;
  offer: Offer;
  /** Where the `dataset-listed` record of this offer stands in the log. */
  logIndex: number;
}
