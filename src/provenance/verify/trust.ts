import { z } from 'zod';
import {
  addressSchema,
  isQuorum,
  logKeysSchema,
  QUORUM_RULE,
  WeighbridgeError,
  type Deployed,
  type Network,
} from '../../kernel/index.js';
import { decodeUtf8 } from './canonical.js';
import { parseVerifierKey } from './note.js';

const VKEY_RULE = 'a C2SP verifier key, name+hash+base64';
const vkey = z.string().refine((text) => {
  try {
    return Boolean(parseVerifierKey(text));
  } catch {
    return false;
  }
}, VKEY_RULE);

/**
 * What a verifier takes for granted, and all of it. It comes from the deployment, by a way that the verifier chose to
 * believe; a receipt never brings its own.
 */
export const trustSchema = z.strictObject({
  version: z.literal(1),
  chainId: z.number().int().positive(),
  contracts: z.strictObject({ marketplace: addressSchema, logAnchor: addressSchema }),
  /** Who signs `licence-issued` and `job-settled`. */
  recorder: addressSchema,
  /** Who gets the protocol's fee, and how much of a price that is, in basis points. */
  treasury: addressSchema,
  protocolFeeBps: z.number().int().min(0).max(10_000),
  /** If given, only these may have trained. Without it, the operators that the seller's offer names suffice. */
  operators: z.array(addressSchema).optional(),
  log: z.strictObject({
    origin: z.string().min(1),
    vkeys: logKeysSchema.refine((keys) => keys.every((key) => vkey.safeParse(key.vkey).success), VKEY_RULE),
  }),
  witnesses: z
    .strictObject({ quorum: z.number().int().min(0), vkeys: z.array(vkey) })
    .refine((w) => isQuorum(w.quorum, w.vkeys.length), QUORUM_RULE),
});
export type Trust = z.infer<typeof trustSchema>;

/** @throws WeighbridgeError CONFIG_INVALID naming the first wrong field */
export function parseTrust(bytes: Uint8Array): Trust {
  const json = readJson(bytes);
  const result = trustSchema.safeParse(json);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new WeighbridgeError('CONFIG_INVALID', `trust file: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`, {
    next: 'Get the trust file of this deployment again, from where you trust it.',
  });
}

/** The trust file of a deployment, from its public facts. */
export function trustOfNetwork(network: Network): Trust {
  return {
    version: 1,
    chainId: network.chainId,
    contracts: { marketplace: network.contracts.marketplace, logAnchor: network.contracts.logAnchor },
    recorder: network.recorder,
    treasury: network.treasury,
    protocolFeeBps: network.protocolFeeBps,
    log: { origin: network.log.origin, vkeys: network.log.vkeys },
    witnesses: { quorum: network.witnesses.quorum, vkeys: network.witnesses.members.map((witness) => witness.vkey) },
  };
}

/** The EIP-712 domain that records of this deployment are hashed under. */
export function marketOf(trust: Trust): Deployed {
  return { chainId: trust.chainId, contract: trust.contracts.marketplace };
}

function readJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decodeUtf8(bytes));
  } catch (cause) {
    throw new WeighbridgeError('CONFIG_INVALID', 'the trust file is not JSON', {
      next: 'Get the trust file of this deployment again, from where you trust it.',
      cause,
    });
  }
}
