import { sha256Hex, utf8, type Address, type Bytes32 } from '../../src/kernel/index.js';

/** The one question under which key nodes release a data key: `Marketplace.canRelease(keyId, caller)`. */
export interface ReleaseCondition {
  chainId: number;
  marketplace: Address;
  keyId: Bytes32;
}

/**
 * Lit's names of the chains that a condition may name; the SDK's schema refuses every other. Key nodes read the chain
 * that they are configured with, so the name selects nothing: it only has to be the same when a key is wrapped and when
 * it is asked for. A private chain (the devnet) goes by the name of Lit's own chain.
 */
const LIT_CHAIN_NAMES: Readonly<Record<number, string>> = {
  1: 'ethereum',
  10: 'optimism',
  137: 'polygon',
  314: 'filecoin',
  8453: 'base',
  42161: 'arbitrum',
  84532: 'baseSepolia',
  314159: 'filecoinCalibrationTestnet',
  11155111: 'sepolia',
};
const PRIVATE_CHAIN_NAME = 'yellowstone';

export function litChainName(chainId: number): string {
  return LIT_CHAIN_NAMES[chainId] ?? PRIVATE_CHAIN_NAME;
}

/** Lit's placeholder for the address that signed the session: the worker that asks. */
const CALLER = ':userAddress';

/**
 * The condition as an `evmContractConditions` item in Lit's canonical form: the SDK hashes this JSON, in this order of
 * members, and sends it to the nodes. The address is lower-case, because the hash is over letters, not over an address.
 */
export function canonicalCondition({ chainId, marketplace, keyId }: ReleaseCondition) {
  return {
    contractAddress: marketplace.toLowerCase(),
    functionName: 'canRelease',
    functionParams: [keyId.toLowerCase(), CALLER],
    functionAbi: {
      name: 'canRelease',
      inputs: [
        { name: 'keyId', type: 'bytes32' },
        { name: 'caller', type: 'address' },
      ],
      outputs: [{ name: '', type: 'bool' }],
      constant: false,
      stateMutability: 'view',
    },
    chain: litChainName(chainId),
    returnValueTest: { key: '', comparator: '=', value: 'true' },
  };
}

export interface ReleaseIdentity {
  /** `<sha256(conditions)>/<sha256(data key)>`: what a session must name to open this key, and only this one. */
  resource: string;
  /** What key nodes sign with their shares. The signature over it is the decryption key. */
  identity: string;
}

export const LIT_RESOURCE_PREFIX = 'lit-accesscontrolcondition';

/** @param dataHash SHA-256 of the data key, 64 hex digits */
export function releaseIdentity(condition: ReleaseCondition, dataHash: string): ReleaseIdentity {
  const conditionHash = sha256Hex(utf8(JSON.stringify([canonicalCondition(condition)])));
  const resource = `${conditionHash}/${dataHash}`;
  return { resource, identity: `${LIT_RESOURCE_PREFIX}://${resource}` };
}
