import { AddPiecesPermission, CreateDataSetPermission, login } from '@filoz/synapse-core/session-key';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import type { Address, Network } from '../../../src/kernel/index.js';
import { focSigner, sendAs, type FocSigner } from './foc-client.js';
import { mined } from './provider-calls.js';

/** Signs for the payer, for a while: to make data sets and to add pieces, and nothing else. */
export interface StorageSigner {
  /** Whose money and data sets they are. */
  payer: Address;
  /** Signs as the session key; it owns nothing. */
  client: FocSigner;
  /** Unix seconds. */
  validUntil: bigint;
}

const ORIGIN = 'weighbridge';

/**
 * Makes a key in this process' memory and has the wallet allow it what an uploader does. It cannot remove a piece, end a
 * service, or move money; once the process ends nobody has it, and what it signed is void from `validUntil`, or from
 * when the wallet revokes it.
 */
export async function openStorageSession(network: Network, wallet: FocSigner, validMs: number): Promise<StorageSigner> {
  const account = privateKeyToAccount(generatePrivateKey());
  const validUntil = BigInt(Math.floor((Date.now() + validMs) / 1_000));
  const permissions = [CreateDataSetPermission, AddPiecesPermission];
  const allowed = { address: account.address, permissions, expiresAt: validUntil, origin: ORIGIN };
  await mined(wallet, await sendAs(wallet, async () => login(wallet, allowed)));
  return { payer: wallet.account.address, client: focSigner(network, account), validUntil };
}
