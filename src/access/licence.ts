import type { Address, Bytes32, Hex, Licence } from '../kernel/index.js';

/** A licence whose record is fixed; it counts once the log holds that record. */
export interface StoredLicence {
  /** EIP-712 digest of the licence. */
  id: Bytes32;
  keyId: Bytes32;
  /** Lower case. */
  buyer: Address;
  licence: Licence;
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
