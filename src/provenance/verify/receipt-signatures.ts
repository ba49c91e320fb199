import { recoverAddress, type Hex } from 'viem';
import {
  assignDigest,
  licenceDigest,
  licenceFromJson,
  offerDigest,
  offerFromJson,
  pseudonymDigest,
  type Bytes32,
  type Deployed,
} from '../../kernel/index.js';
import { verifyEntrySignature, type LogEntry } from '../record.js';
import { sameAddress, signerOf } from '../verify-entry.js';
import { CheckFailed } from './checks.js';
import type { ReceiptRecords } from './receipt-records.js';
import type { Receipt } from './receipt-schema.js';
import type { Trust } from './trust.js';

/** The DSSE signature of one record, by the party whose record it is. */
export async function checkRecordSignature(entry: LogEntry, trust: Trust): Promise<string> {
  const expected = signerOf(entry, trust.recorder);
  if (!sameAddress(entry.signer, expected) || !(await verifyEntrySignature(entry))) {
    throw new CheckFailed('BAD_SIGNATURE', `the record is not signed by ${expected}`);
  }
  return `signed by ${entry.signer}`;
}

/**
 * The EIP-712 signatures inside the records: seller to the price, buyer to the terms, operator to the worker. The buyer's is by its
 * pseudonym, and the account that paid says in the receipt, and nowhere else, that the pseudonym is its own.
 */
export async function checkConsents(receipt: Receipt, records: ReceiptRecords, market: Deployed): Promise<string> {
  const listed = records['dataset-listed'].entry.predicate;
  const licensed = records['licence-issued'].entry.predicate;
  const granted = records['access-granted'].entry.predicate;
  const { offer } = listed;
  await requireSigner('offer', offerDigest(market, offerFromJson(offer)), listed.offerSignature, offer.seller);
  const licence = licenceDigest(market, licenceFromJson(licensed.licence));
  await requireSigner('licence', licence, licensed.licenceSignature, licensed.licence.buyer);
  const { keyId, buyer: pseudonym } = licensed.licence;
  const { pseudonymSignature } = receipt.licence;
  const own = pseudonymDigest(market, { keyId, pseudonym });
  await requireSigner('pseudonym', own, pseudonymSignature, receipt.order.order.buyer);
  const { orderId, worker } = granted;
  await requireSigner(
    'assignment',
    assignDigest(market, { orderId, worker }),
    granted.assignSignature,
    granted.operator,
  );
  return 'seller signed the offer, buyer the licence under its pseudonym, operator the assignment';
}

async function requireSigner(what: string, hash: Bytes32, signature: Hex, expected: string): Promise<void> {
  const signer = await recoverAddress({ hash, signature }).catch(() => undefined);
  if (signer === undefined || !sameAddress(signer, expected)) {
    throw new CheckFailed('BAD_SIGNATURE', `the ${what} is not signed by ${expected}`);
  }
}
