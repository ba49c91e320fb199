import { ed25519 } from '@noble/curves/ed25519.js';
import type { LitNodeClient } from '@lit-protocol/lit-node-client';
import { getAddress } from 'viem';
import type { Signer } from '../../src/access/ports.js';
import { toHex, WeighbridgeError, type Bytes32, type Hex } from '../../src/kernel/index.js';
import { SIWE_DOMAIN } from './siwe-domain.js';
import { quietly } from './quiet.js';

/** Enough for a slow connection; nodes take up to ten minutes. */
const SESSION_MS = 5 * 60_000;
const STATEMENT = 'Weighbridge asks the key nodes for the data key of one training run.';

export type SessionSigs = Awaited<ReturnType<LitNodeClient['getSessionSigs']>>;

export interface SessionOptions {
  chainId: number;
  /** Lit's name of the chain. */
  chain: string;
  /** The one resource that this session opens. */
  resource: string;
  /** Hash of a recent block: nodes refuse an older message. */
  blockHash: Bytes32;
}

/**
 * Makes the signatures that open one key: the worker's wallet delegates to a session key that lives for this call only
 * (SIWE with a ReCap), and the session key signs once for each node.
 */
export async function signSession(
  client: LitNodeClient,
  worker: Signer,
  options: SessionOptions,
): Promise<SessionSigs> {
  const { LitAccessControlConditionResource, createSiweMessageWithRecaps } = await quietly(
    () => import('@lit-protocol/auth-helpers'),
  );
  const { secretKey, publicKey } = ed25519.keygen();
  // NaCl's form of a secret key: seed, then public key.
  const sessionKey = { publicKey: toHex(publicKey), secretKey: toHex(secretKey) + toHex(publicKey) };
  secretKey.fill(0);
  const expiration = new Date(Date.now() + SESSION_MS).toISOString();
  const resourceAbilityRequests = [
    {
      resource: new LitAccessControlConditionResource(options.resource),
      ability: 'access-control-condition-decryption' as const,
    },
  ];
  const signedMessage = await quietly(() =>
    createSiweMessageWithRecaps({
      uri: `lit:session:${sessionKey.publicKey}`,
      walletAddress: getAddress(worker.address),
      domain: SIWE_DOMAIN,
      statement: STATEMENT,
      chainId: options.chainId,
      nonce: options.blockHash,
      expiration,
      resources: resourceAbilityRequests,
      litNodeClient: client,
    }),
  );
  const authSig = {
    sig: await signedBy(worker, signedMessage),
    derivedVia: 'web3.eth.personal.sign',
    signedMessage,
    address: getAddress(worker.address),
  };
  // getSessionSigs asks for a block hash by itself, and fetches one from public hosts when its own is 30 s old.
  client.latestBlockhash = options.blockHash;
  client.lastBlockHashRetrieved = Date.now();
  return quietly(() =>
    client.getSessionSigs({
      chain: options.chain,
      expiration,
      resourceAbilityRequests,
      sessionKey,
      authNeededCallback: () => Promise.resolve(authSig),
    }),
  );
}

async function signedBy(worker: Signer, message: string): Promise<Hex> {
  try {
    return await worker.signMessage({ message });
  } catch (cause) {
    throw new WeighbridgeError(
      'BAD_SIGNATURE',
      `the wallet of ${worker.address} did not sign the request for the key`,
      {
        next: 'Check the key of this worker, and ask again.',
        cause,
      },
    );
  }
}

/**
 * The same signatures, but one node gets its neighbour's, which it refuses: so the SDK, which takes the first shares
 * that come and has no second look, does without a node whose share is bad.
 */
export function leavingOut(sigs: SessionSigs, index: number): SessionSigs {
  const urls = Object.keys(sigs).toSorted();
  const out = urls[index % urls.length];
  const other = urls[(index + 1) % urls.length];
  const wrong = other === undefined ? undefined : sigs[other];
  return out === undefined || wrong === undefined ? sigs : { ...sigs, [out]: wrong };
}
