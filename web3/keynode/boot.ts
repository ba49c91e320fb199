import { publicKeyOf } from './bls.js';
import type { NodeChain } from './chain.js';
import { invalid, type KeyNodeEnv } from './env.js';
import { readShare, type ShareFacts } from './share-store.js';
import type { Member, Staking } from './staking.js';

export interface OpenShare {
  facts: ShareFacts;
  bytes: Uint8Array;
}

/** Decrypts the share and checks that it is what its label says. @throws WeighbridgeError CONFIG_INVALID */
export async function openShare({ shareFile, passphrase }: KeyNodeEnv): Promise<OpenShare> {
  const { facts, share } = await readShare(shareFile, passphrase).catch((cause: unknown) => {
    throw invalid(
      'KEYNODE_SHARE_FILE or KEYNODE_PASSPHRASE_FILE',
      cause instanceof Error ? cause.message : 'unreadable',
    );
  });
  if (publicKeyOf(share) !== facts.sharePublicKey)
    throw invalid('KEYNODE_SHARE_FILE', 'the share is not the one it says');
  return { facts, bytes: share };
}

/**
 * Checks that this node is part of the network that the chain lists: same chain, same network key, same threshold, and
 * a member under its own address.
 * @throws WeighbridgeError CONFIG_INVALID, naming the variable that disagrees with the chain
 */
export async function findSelf(
  chain: NodeChain,
  staking: Staking,
  { facts }: OpenShare,
  expectedChainId: number,
): Promise<Member> {
  const [chainId, networkPublicKey, members, { threshold }] = await Promise.all([
    chain.getChainId(),
    staking.networkPublicKey(),
    staking.members(),
    staking.active(),
  ]);
  if (chainId !== expectedChainId) {
    throw invalid('WEIGHBRIDGE_NETWORK', `its rpcUrl serves chain ${chainId}, its chainId is ${expectedChainId}`);
  }
  if (networkPublicKey !== facts.networkPublicKey || threshold !== facts.threshold) {
    throw invalid('KEYNODE_SHARE_FILE', 'it is a share of another network than KeyNodeStaking names');
  }
  const self = members.find(({ address }) => address === staking.self);
  if (self === undefined) throw invalid('KEYNODE_KEY_FILE', `KeyNodeStaking does not list ${staking.self}`);
  return self;
}
