import type { Address, Bytes32, Hex, Licence } from '../kernel/index.js';

/** A licence whose record is fixed; it counts once the log holds that record. */
export interface StoredLicence {
  /** EIP-712 digest of the licence. */
  id: Bytes32;
  keyId: Bytes32;
  /** The account that pays, lower case. The licence itself, and so the log, has only its pseudonym. */
  buyer: Address;
  /** `licence.buyer`, lower case. */
  pseudonym: Address;
  /** The account's EIP-712 `Pseudonym`: that the pseudonym is its own. */
  pseudonymSignature: Hex;
  licence: Licence;
  /** By the pseudonym. */
  signature: Hex;
  validUntil: Date;
  /** The exact log entry. */
  entry: Uint8Array;
  /** Null until the log has acknowledged the entry. */
  logIndex: number | null;
  issuedAt: Date;
}

/** A licence whose record has no place yet. */
export type NewLicence = Omit<StoredLicence, 'entry' | 'logIndex'>;

/** A licence that is in the log. */
export interface IssuedLicence extends StoredLicence {
  logIndex: number;
}

/** What the log holds only as a commitment: SHA-256(salt || UTF-8 purpose). */
export interface PurposeDetail {
  purpose: string;
  salt: Bytes32;
}
