import { createSiweMessage } from 'viem/siwe';
import type { Network } from '../../kernel/index.js';
import type { Account } from '../ports.js';
import { graphql } from './graphql.js';
import { createNonce, signIn as signInOperation } from './operations.js';

const LIFETIME_MS = 10 * 60_000;

/**
 * Signs in with Ethereum (EIP-4361). The token stays in this process; nothing is kept on the disk.
 * @returns the bearer token of a short session
 * @throws WeighbridgeError NONCE_USED, WRONG_CHAIN, BAD_SIGNATURE, UNAVAILABLE
 */
export async function signIn(network: Network, account: Account): Promise<string> {
  const { createNonce: nonce } = await graphql(network.apiUrl, createNonce, {}, undefined);
  const issuedAt = new Date();
  const message = createSiweMessage({
    domain: new URL(network.apiUrl).host,
    address: account.address,
    statement: 'Sign in to Weighbridge.',
    uri: network.apiUrl,
    version: '1',
    chainId: network.chainId,
    nonce,
    issuedAt,
    expirationTime: new Date(issuedAt.getTime() + LIFETIME_MS),
  });
  const signature = await account.signMessage({ message });
  const answer = await graphql(network.apiUrl, signInOperation, { message, signature }, undefined);
  return answer.signIn.token;
}
