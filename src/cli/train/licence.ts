import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import {
  bytes32Schema,
  hexBytesSchema,
  licenceDigest,
  licenceJson,
  licenceToJson,
  marketplaceDomain,
  to0x,
  TYPES,
  utf8,
  type Bytes32,
  type Deployed,
  type Licence,
} from '../../kernel/index.js';
import type { MarketApi } from '../api/market-api.js';
import type { CheckedDataset } from '../browse/check-dataset.js';
import type { Account, BuyerChain } from '../ports.js';
import { readJson, writeJsonAtomic } from '../state/atomic-file.js';
import type { StateDir } from '../state/state-dir.js';

const DAY_SECONDS = 86_400;
/** A clock a little ahead of the marketplace's must not ask for more days than the terms give. */
const CLOCK_SLACK_SECONDS = 300;

/** A licence with what only the buyer knows: the purpose, and the salt of its commitment. */
const heldLicenceSchema = z.strictObject({
  version: z.literal(1),
  chainId: z.number().int(),
  marketplace: z.string(),
  licenceId: bytes32Schema,
  licence: licenceJson,
  signature: hexBytesSchema,
  /** Absent where the licence is from before pseudonyms: it is of no use any more. */
  pseudonymSignature: hexBytesSchema.optional(),
  purpose: z.string(),
  purposeSalt: bytes32Schema,
  /** Where it is in the log, once issued. */
  logIndex: z.number().int().optional(),
});
export type HeldLicence = z.infer<typeof heldLicenceSchema>;

export interface LicenceDeps {
  market: Deployed;
  account: Account;
  /** Signs the licence: the log has it in place of the account. */
  pseudonym: Account;
  state: StateDir;
  api: Pick<MarketApi, 'issueLicence'>;
  chain: Pick<BuyerChain, 'isLicenceRevoked'>;
  now(): Date;
}

/**
 * A licence for this dataset version and this very purpose that lasts beyond `until`: one that is held, or a new one, signed
 * and issued. A licence for another purpose is never stretched.
 * @param until - Unix seconds
 * @throws WeighbridgeError BAD_SIGNATURE, LICENCE_EXPIRED and what the marketplace says
 */
export async function obtainLicence(
  checked: CheckedDataset,
  purpose: string,
  until: bigint,
  deps: LicenceDeps,
): Promise<HeldLicence> {
  const held = (await findHeld(checked, purpose, until, deps)) ?? (await signLicence(checked, purpose, deps));
  if (held.logIndex !== undefined) return held;
  const { licence, signature, pseudonymSignature, purposeSalt } = held;
  const signed = { licence, signature, pseudonymSignature, purpose, purposeSalt };
  const { logIndex } = await deps.api.issueLicence(signed);
  const issued = { ...held, logIndex };
  await save(deps.state, issued);
  return issued;
}

async function findHeld(
  { dataset, offer }: CheckedDataset,
  purpose: string,
  until: bigint,
  { market, pseudonym, state, chain }: LicenceDeps,
): Promise<HeldLicence | undefined> {
  const names = await readdir(state.licences).catch(() => []);
  for (const name of names.filter((file) => file.endsWith('.json'))) {
    const held = await readJson(path.join(state.licences, name), heldLicenceSchema);
    if (held === undefined) continue;
    const { licence } = held;
    const fits =
      held.chainId === market.chainId &&
      held.marketplace.toLowerCase() === market.contract.toLowerCase() &&
      held.purpose === purpose &&
      licence.keyId === dataset.id &&
      licence.termsDigest === offer.termsDigest &&
      licence.buyer.toLowerCase() === pseudonym.address.toLowerCase() &&
      held.pseudonymSignature !== undefined &&
      BigInt(licence.validUntil) > until;
    if (fits && !(await chain.isLicenceRevoked(dataset.id, held.licenceId))) return held;
  }
  return undefined;
}

/** Kept before it is issued: without its salt the purpose behind a logged commitment could never be shown. */
async function signLicence(
  { dataset, offer }: CheckedDataset,
  purpose: string,
  { market, account, pseudonym, state, now }: LicenceDeps,
): Promise<HeldLicence> {
  const salt = randomBytes(32);
  const seconds = Math.floor(now().getTime() / 1000) + dataset.terms.licenceDays * DAY_SECONDS - CLOCK_SLACK_SECONDS;
  const licence: Licence = {
    keyId: dataset.id,
    termsDigest: offer.termsDigest,
    buyer: pseudonym.address,
    purposeCommitment: purposeCommitment(salt, purpose),
    validUntil: BigInt(seconds),
    nonce: to0x(randomBytes(32)),
  };
  const typed = { domain: marketplaceDomain(market), types: TYPES } as const;
  const signature = await pseudonym.signTypedData({ ...typed, primaryType: 'Licence', message: licence });
  const own = { keyId: dataset.id, pseudonym: pseudonym.address };
  const pseudonymSignature = await account.signTypedData({ ...typed, primaryType: 'Pseudonym', message: own });
  const held: HeldLicence = {
    version: 1,
    chainId: market.chainId,
    marketplace: market.contract,
    licenceId: licenceDigest(market, licence),
    licence: licenceToJson(licence),
    signature,
    pseudonymSignature,
    purpose,
    purposeSalt: to0x(salt),
  };
  await save(state, held);
  return held;
}

/** SHA-256(salt || purpose): binds the buyer to what it said without saying it to everybody. */
export function purposeCommitment(salt: Uint8Array, purpose: string): Bytes32 {
  return to0x(createHash('sha256').update(salt).update(utf8(purpose)).digest());
}

async function save(state: StateDir, held: HeldLicence): Promise<void> {
  await mkdir(state.licences, { recursive: true, mode: 0o700 });
  await writeJsonAtomic(path.join(state.licences, `${held.licenceId}.json`), held);
}
