import {
  keyIdOf,
  licenceDigest,
  licenceToJson,
  offerToJson,
  type Bytes32,
  type Deployed,
  type Hex,
  type Licence,
  type Offer,
} from '../kernel/index.js';
import type { UnsignedRecord } from './record.js';
import type { Predicates } from './statements.js';
import { consentSubject, datasetSubject, licenceSubject } from './subjects.js';
import { unsigned, type Placed } from './unsigned-record.js';

/** `dataset-listed`, signed by the seller. */
export function datasetListedRecord(
  market: Deployed,
  input: Placed & {
    offer: Offer;
    offerSignature: Hex;
    /** In manifest order. */
    pieces: { pieceCid: string; sizeBytes: number }[];
    /** Where all of them are stored. */
    copies: { providerId: number; dataSetId: number }[];
    listedAt: Date;
  },
): UnsignedRecord<'dataset-listed'> {
  const { offer, offerSignature } = input;
  const predicate: Predicates['dataset-listed'] = {
    keyId: keyIdOf(offer.seller, offer.datasetId, offer.version),
    offer: offerToJson(offer),
    offerSignature,
    pieces: input.pieces.map(({ pieceCid, sizeBytes }) => ({ pieceCid, sizeBytes })),
    copies: input.copies,
    position: input.position,
    listedAt: input.listedAt.toISOString(),
  };
  return unsigned(market, 'dataset-listed', datasetSubject(predicate), predicate);
}

/** `licence-issued`, signed by the recorder; the buyer's own EIP-712 signature is inside. */
export function licenceIssuedRecord(
  market: Deployed,
  input: Placed & { licence: Licence; licenceSignature: Hex; issuedAt: Date },
): UnsignedRecord<'licence-issued'> {
  const predicate: Predicates['licence-issued'] = {
    licenceId: licenceDigest(market, input.licence),
    licence: licenceToJson(input.licence),
    licenceSignature: input.licenceSignature,
    position: input.position,
    issuedAt: input.issuedAt.toISOString(),
  };
  return unsigned(market, 'licence-issued', licenceSubject(predicate), predicate);
}

/** `consent-revoked`, signed by the seller after the contract was told: from then on no key is released. */
export function consentRevokedRecord(
  market: Deployed,
  input: Placed & {
    offer: Pick<Offer, 'seller' | 'datasetId' | 'version'>;
    /** The one licence that ends; null for the whole dataset version. */
    licence: Bytes32 | null;
    revokedAt: Date;
  },
): UnsignedRecord<'consent-revoked'> {
  const { licence, position } = input;
  const { seller, datasetId, version } = input.offer;
  const keyId = keyIdOf(seller, datasetId, version);
  const revokedAt = input.revokedAt.toISOString();
  const predicate = { keyId, datasetId, version, seller, licence, position, revokedAt };
  return unsigned(market, 'consent-revoked', consentSubject({ keyId, licence }), predicate);
}
