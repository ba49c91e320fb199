import { z } from 'zod';
import type { Hex } from '../../src/kernel/index.js';
import type { NodeChain } from './chain.js';
import { NodeError } from './node-error.js';

const requestSchema = z.object({ challenge: z.string().max(256) });

/**
 * `POST /web/handshake/`: the network's key and a recent block hash. Clients of this product also compare the key with
 * the one in KeyNodeStaking, since the SDK believes what most nodes say.
 */
export function createHandshake(chain: NodeChain, networkPublicKey: Hex): (body: unknown) => Promise<object> {
  const key = networkPublicKey.slice(2);
  return async (body) => {
    if (!requestSchema.safeParse(body).success)
      throw new NodeError('NodeBadRequest', 'The handshake has no challenge.');
    const { hash } = await chain.getBlock().catch((cause: unknown) => {
      throw new NodeError('NodeRpcError', 'The node cannot read the chain.', { cause });
    });
    return {
      serverPublicKey: '',
      subnetPublicKey: key,
      networkPublicKey: key,
      networkPublicKeySet: key,
      clientSdkVersion: '',
      hdRootPubkeys: [],
      attestation: null,
      latestBlockhash: hash,
    };
  };
}
