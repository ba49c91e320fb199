import { ed25519 } from '@noble/curves/ed25519.js';
import { Recap } from 'siwe-recap';
import type { LocalAccount } from 'viem';
import { createSiweMessage } from 'viem/siwe';
import { toHex, utf8, type Bytes32 } from '../../src/kernel/index.js';
import { SIWE_DOMAIN } from '../../web3/lit/siwe-domain.js';
import type { SessionSig } from '../../web3/keynode/session.js';

/** What an honest client puts in; a test overrides what an attacker would. */
export interface SessionPlan {
  wallet: LocalAccount;
  resource: string;
  nodeAddress: string;
  nonce: Bytes32;
  chainId: number;
  nowMs: number;
  /** Overrides in the session's JSON. */
  session?: Record<string, unknown>;
  /** Overrides in the wallet's message. */
  siwe?: Partial<Parameters<typeof createSiweMessage>[0]>;
  /** What the ReCap grants instead. */
  granted?: string;
  ability?: string;
  /** Changes the wallet's message before it is signed. */
  tamper?: (message: string) => string;
  /** Who signs for the wallet instead. */
  signer?: LocalAccount;
  /** Whom the signature is said to be by. */
  claimed?: LocalAccount;
}

/** A session signature as lit-node-client makes it, made without it. */
export async function sessionSig(plan: SessionPlan): Promise<SessionSig> {
  const { secretKey, publicKey } = ed25519.keygen();
  const sessionKey = toHex(publicKey);
  const expiration = new Date(plan.nowMs + 5 * 60_000);
  const recap = new Recap();
  recap.addAttenuation(
    `lit-accesscontrolcondition://${plan.granted ?? plan.resource}`,
    'Threshold',
    plan.ability ?? 'Decryption',
    {},
  );
  const siwe = createSiweMessage({
    domain: SIWE_DOMAIN,
    address: plan.wallet.address,
    statement: `A test. ${recap.statement}`,
    uri: `lit:session:${sessionKey}`,
    version: '1',
    chainId: plan.chainId,
    nonce: plan.nonce,
    issuedAt: new Date(plan.nowMs),
    expirationTime: expiration,
    resources: [recap.encode()],
    ...plan.siwe,
  });
  const message = plan.tamper?.(siwe) ?? siwe;
  const signedMessage = JSON.stringify({
    sessionKey,
    resourceAbilityRequests: [
      {
        resource: { resource: plan.resource, resourcePrefix: 'lit-accesscontrolcondition' },
        ability: 'access-control-condition-decryption',
      },
    ],
    capabilities: [
      {
        sig: await (plan.signer ?? plan.wallet).signMessage({ message }),
        derivedVia: 'web3.eth.personal.sign',
        signedMessage: message,
        address: (plan.claimed ?? plan.wallet).address,
      },
    ],
    issuedAt: new Date(plan.nowMs).toISOString(),
    expiration: expiration.toISOString(),
    nodeAddress: plan.nodeAddress,
    ...plan.session,
  });
  return {
    sig: toHex(ed25519.sign(utf8(signedMessage), secretKey)),
    derivedVia: 'litSessionSignViaNacl',
    signedMessage,
    address: sessionKey,
    algo: 'ed25519',
  };
}
