import { isAddressEqual, recoverAddress, recoverTypedDataAddress } from 'viem';
import {
  concatBytes,
  fromHex,
  marketplaceDomain,
  pseudonymDigest,
  sha256Hex,
  TYPES,
  utf8,
  WeighbridgeError,
  type Address,
  type Deployed,
  type Hex,
  type Licence,
} from '../kernel/index.js';
import type { Dataset } from '../catalog/index.js';
import { badTerms, licenceExpired } from './access.errors.js';
import type { PurposeDetail } from './licence.js';

const DAY_MS = 24 * 60 * 60 * 1000;
/** A buyer whose clock runs ahead may ask for a little more than the terms give. */
const CLOCK_SKEW_MS = 60 * 60 * 1000;

/**
 * Whether a licence is one that the dataset's terms allow, opens to the stated purpose, and is signed by its buyer.
 * @throws WeighbridgeError BAD_TERMS, LICENCE_EXPIRED, BAD_SIGNATURE
 */
export async function checkLicence(
  licence: Licence,
  signature: Hex,
  detail: PurposeDetail,
  dataset: Dataset,
  market: Deployed,
  now: Date,
): Promise<void> {
  const { terms, offer } = dataset;
  if (licence.termsDigest !== offer.termsDigest) {
    throw badTerms('the licence is for other terms', 'Read the terms that stand now and accept those.', {
      termsDigest: offer.termsDigest,
    });
  }
  if (!terms.purposes.includes(detail.purpose)) {
    throw badTerms('the terms do not allow this purpose', 'State one of the purposes that they list.', {
      purposes: terms.purposes,
    });
  }
  if (purposeCommitment(detail) !== licence.purposeCommitment) {
    throw badTerms('purpose and salt do not open the commitment', 'Commit to SHA-256(salt || UTF-8 purpose).');
  }
  assertValidity(licence, terms.licenceDays, now);
  await assertSigned(licence, signature, market);
}

/**
 * That a licence's buyer is a pseudonym, and of this account: whoever signed with its own account would be the same one in
 * every dataset's records.
 * @throws WeighbridgeError BAD_INPUT, BAD_SIGNATURE
 */
export async function checkPseudonym(
  { keyId, buyer: pseudonym }: Licence,
  signature: Hex,
  account: Address,
  market: Deployed,
): Promise<void> {
  if (isAddressEqual(pseudonym, account)) {
    throw new WeighbridgeError('BAD_INPUT', 'the licence names your account, which would be the same in every log', {
      next: 'Sign it with a key of yours for this dataset alone, and sign Pseudonym(keyId, pseudonym) with your account.',
    });
  }
  const hash = pseudonymDigest(market, { keyId, pseudonym });
  const signer = await recoverAddress({ hash, signature }).catch(() => undefined);
  if (signer !== undefined && isAddressEqual(signer, account)) return;
  throw new WeighbridgeError('BAD_SIGNATURE', `the pseudonym is not signed for by ${account}`, {
    next: 'Sign the EIP-712 Pseudonym with the account that you signed in with, for this chain and contract.',
  });
}

/** SHA-256 over 32 random bytes and the purpose: nobody guesses a purpose from the log, and it can be forgotten. */
export function purposeCommitment({ purpose, salt }: PurposeDetail): Hex {
  return `0x${sha256Hex(concatBytes(fromHex(salt), utf8(purpose)))}`;
}

function assertValidity({ validUntil }: Licence, licenceDays: number, now: Date): void {
  const longest = BigInt(now.getTime() + licenceDays * DAY_MS + CLOCK_SKEW_MS);
  if (validUntil * 1000n <= BigInt(now.getTime())) throw licenceExpired('to be issued', 'its time is over');
  if (validUntil * 1000n <= longest) return;
  throw badTerms(`the terms give ${licenceDays} days, the licence takes more`, 'Sign an earlier validUntil.', {
    licenceDays,
  });
}

async function assertSigned(licence: Licence, signature: Hex, market: Deployed): Promise<void> {
  const typed = { domain: marketplaceDomain(market), types: TYPES, primaryType: 'Licence', message: licence } as const;
  const signer = await recoverTypedDataAddress({ ...typed, signature }).catch(() => undefined);
  if (signer !== undefined && isAddressEqual(signer, licence.buyer)) return;
  throw new WeighbridgeError('BAD_SIGNATURE', `the licence is not signed by its buyer ${licence.buyer}`, {
    next: 'Sign the EIP-712 licence with the key of the buyer, for this chain and contract.',
  });
}
