import { ed25519 } from '@noble/curves/ed25519.js';
import { z } from 'zod';
import { fromHex, utf8 } from '../../src/kernel/index.js';
import { LIT_RESOURCE_PREFIX } from '../lit/condition.js';
import { NodeError } from './node-error.js';

const hexDigits = (length: number) => z.string().regex(new RegExp(`^[0-9a-f]{${length}}$`));

/** A session signature as the SDK sends it to one node. A wallet's bare signature is not taken: it names no node. */
export const sessionSigSchema = z.strictObject({
  sig: hexDigits(128),
  derivedVia: z.literal('litSessionSignViaNacl'),
  signedMessage: z.string().max(16_384),
  /** The session's ed25519 key. */
  address: hexDigits(64),
  algo: z.literal('ed25519'),
});
export type SessionSig = z.infer<typeof sessionSigSchema>;

/** The wallet's SIWE message with its ReCap, which delegates to the session key. */
const capabilitySchema = z.object({
  sig: z.string().regex(/^0x[0-9a-f]{130}$/),
  derivedVia: z.literal('web3.eth.personal.sign'),
  signedMessage: z.string().max(8_192),
  address: z.string().regex(/^0x[0-9a-fA-F]{40}$/),
});
export type Capability = z.infer<typeof capabilitySchema>;

const sessionSchema = z.object({
  sessionKey: hexDigits(64),
  resourceAbilityRequests: z
    .array(
      z.object({
        resource: z.object({ resource: z.string(), resourcePrefix: z.literal(LIT_RESOURCE_PREFIX) }),
        ability: z.literal('access-control-condition-decryption'),
      }),
    )
    .length(1),
  capabilities: z.array(capabilitySchema).length(1),
  issuedAt: z.iso.datetime(),
  expiration: z.iso.datetime(),
  nodeAddress: z.url(),
});

export interface Session {
  sessionKey: string;
  capability: Capability;
  expiresAtMs: number;
}

/** Clocks of callers and nodes may differ by this much. */
const SKEW_MS = 60_000;
/** A session that lives longer would be remembered longer, and be of use longer to who steals it. */
export const MAX_SESSION_MS = 10 * 60_000;

/**
 * Checks a session signature: that the session key signed it, for this node, for this resource and for now.
 * @param nodeHost `ip:port` under which the chain lists this node
 * @throws NodeError NodeInvalidAuthSig, NodeResourceIdNotFound
 */
export function verifySession(sig: SessionSig, resource: string, nodeHost: string, nowMs: number): Session {
  if (!signedByItsKey(sig)) throw invalid('The session signature is not by its key.');
  const session = parse(sig.signedMessage);
  const [capability] = session.capabilities;
  const [request] = session.resourceAbilityRequests;
  if (session.sessionKey !== sig.address) throw invalid('The session names another key.');
  // A node that was sent a session could replay it to the others: each signature is for one node.
  if (new URL(session.nodeAddress).host !== nodeHost) throw invalid('The session is for another node.');
  const expiresAtMs = Date.parse(session.expiration);
  const issuedAtMs = Date.parse(session.issuedAt);
  if (issuedAtMs > nowMs + SKEW_MS) throw invalid('The session is of the future.');
  if (expiresAtMs < nowMs) throw invalid('The session is over.');
  if (expiresAtMs - issuedAtMs > MAX_SESSION_MS) throw invalid('The session is too long.');
  // No wildcard: a session opens one key.
  if (capability === undefined || request?.resource.resource !== resource) {
    throw new NodeError('NodeResourceIdNotFound', 'The session is for another resource.');
  }
  return { sessionKey: session.sessionKey, capability, expiresAtMs };
}

function signedByItsKey({ sig, signedMessage, address }: SessionSig): boolean {
  try {
    return ed25519.verify(fromHex(sig), utf8(signedMessage), fromHex(address), { zip215: false });
  } catch {
    return false;
  }
}

function parse(signedMessage: string): z.infer<typeof sessionSchema> {
  try {
    return sessionSchema.parse(JSON.parse(signedMessage));
  } catch (cause) {
    throw new NodeError('NodeInvalidAuthSig', 'The session is not of the form that this node takes.', { cause });
  }
}

function invalid(message: string): NodeError {
  return new NodeError('NodeInvalidAuthSig', message);
}
