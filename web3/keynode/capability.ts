import { getAddress, recoverMessageAddress } from 'viem';
import { createSiweMessage, parseSiweMessage, type SiweMessage } from 'viem/siwe';
import { Recap } from 'siwe-recap';
import type { Address, Bytes32, Hex } from '../../src/kernel/index.js';
import { LIT_RESOURCE_PREFIX } from '../lit/condition.js';
import { SIWE_DOMAIN } from '../lit/siwe-domain.js';
import { NodeError } from './node-error.js';
import type { Capability } from './session.js';

const DECRYPTION = 'Threshold/Decryption';

export interface CapabilityContext {
  sessionKey: string;
  /** What the ReCap has to grant: `<hash of conditions>/<hash of data key>`. */
  resource: string;
  chainId: number;
  /** Whether a block hash is of a block that this chain has, and that is young. */
  isRecentBlock: (hash: Bytes32) => Promise<boolean>;
  nowMs: () => number;
}

/**
 * Checks that a wallet delegated to the session key: EIP-4361 signature, made for this domain and chain, fresh (its
 * nonce is a recent block hash), with an EIP-5573 ReCap for exactly this resource.
 * @returns the wallet's address: the caller that `canRelease` is asked about
 * @throws NodeError NodeSIWEMessageError, NodeResourceIdNotFound
 */
export async function verifyCapability(capability: Capability, context: CapabilityContext): Promise<Address> {
  const message = parse(capability.signedMessage);
  const nowMs = context.nowMs();
  if (message.domain !== SIWE_DOMAIN) throw invalid('It is for another domain.');
  if (message.uri !== `lit:session:${context.sessionKey}`) throw invalid('It delegates to another session.');
  if (message.chainId !== context.chainId) throw invalid('It is for another chain.');
  if (message.expirationTime === undefined || message.expirationTime.getTime() < nowMs) throw invalid('It is over.');
  if (message.notBefore !== undefined && message.notBefore.getTime() > nowMs) throw invalid('It is not valid yet.');
  const signer = await signerOf(capability);
  if (signer !== message.address || getAddress(capability.address) !== signer) throw invalid('Another wallet signed.');
  if (!grants(message, context.resource)) {
    throw new NodeError('NodeResourceIdNotFound', 'The ReCap does not grant decryption of this resource.');
  }
  if (!(await context.isRecentBlock(message.nonce as Bytes32))) throw invalid('Its nonce is no recent block hash.');
  return signer;
}

/**
 * A message is taken only in the one form that EIP-4361 gives its fields: made again from what was parsed, it must be
 * the same text. So the wallet's owner saw just those fields, and no line hides in another.
 */
function parse(text: string): SiweMessage {
  let again: string | undefined;
  const message = parseSiweMessage(text) as SiweMessage;
  try {
    again = createSiweMessage(message);
  } catch {
    // a field is missing or malformed
  }
  if (again !== text) throw new NodeError('NodeSIWEMessageError', 'The wallet message is no SIWE message.');
  return message;
}

async function signerOf({ signedMessage, sig }: Capability): Promise<Address> {
  try {
    return await recoverMessageAddress({ message: signedMessage, signature: sig as Hex });
  } catch {
    throw invalid('The signature is malformed.');
  }
}

function grants({ statement, resources }: SiweMessage, resource: string): boolean {
  try {
    // Fails unless the statement spells out what the encoded ReCap grants: the wallet showed it to its owner.
    const { attenuations } = Recap.extract_and_verify({ statement, resources } as Parameters<
      typeof Recap.extract_and_verify
    >[0]);
    const granted = attenuations[`${LIT_RESOURCE_PREFIX}://${resource}`];
    return granted !== undefined && Object.hasOwn(granted, DECRYPTION);
  } catch {
    return false;
  }
}

function invalid(why: string): NodeError {
  return new NodeError('NodeSIWEMessageError', `The wallet message does not delegate to this session. ${why}`);
}
