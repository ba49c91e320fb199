import { z } from 'zod';
import { addressSchema as address } from './hex-schemas.js';

/**
 * The log's C2SP verifier keys, `name+hash+base64`, one after the other: a key is good for checkpoints from `fromSize` up
 * to the size at which the next one begins. The last is in use.
 */
export const logKeysSchema = z
  .array(z.strictObject({ vkey: z.string(), fromSize: z.number().int().min(0) }))
  .min(1)
  .refine(
    (keys) => keys.every(({ fromSize }, i) => (i === 0 ? fromSize === 0 : fromSize >= (keys[i - 1]?.fromSize ?? 0))),
    'the log’s keys in the order in which they were used, the first from size 0',
  );
export type LogKeys = z.infer<typeof logKeysSchema>;

/**
 * More than half, or nobody at all: any two quorums must have a witness in common, or two honest halves could each cosign
 * another history.
 */
export function isQuorum(quorum: number, witnesses: number): boolean {
  return quorum <= witnesses && (quorum * 2 > witnesses || witnesses === 0);
}
export const QUORUM_RULE = 'a quorum of more than half of the witnesses, and of no more than there are';

/**
 * The public facts of one deployment: where things are and what they are called. The devnet writes it to
 * `.weighbridge/network.json`; production publishes it. It holds no secret. `WEIGHBRIDGE_NETWORK` names the file.
 */
export const networkSchema = z.strictObject({
  version: z.literal(1),
  name: z.string(),
  chainId: z.number().int().positive(),
  rpcUrl: z.url(),
  apiUrl: z.url(),
  contracts: z.strictObject({
    marketplace: address,
    logAnchor: address,
    keyNodeStaking: address,
    usdfc: address,
    multicall3: address,
    /** Filecoin Onchain Cloud, by the names of synapse-core's chain object. */
    pdp: address,
    fwss: address,
    fwssView: address,
    filecoinPay: address,
    serviceProviderRegistry: address,
    sessionKeyRegistry: address,
    endorsements: address,
  }),
  /** The one training operator of a deployment that runs none of its own market yet. */
  operator: address,
  /** Address whose key signs records that the marketplace itself makes (`licence-issued`, `job-settled`). */
  recorder: address,
  /** Who gets the protocol's fee. */
  treasury: address,
  /** Fee of the protocol in basis points, as the Marketplace contract was deployed with. */
  protocolFeeBps: z.number().int().min(0).max(10_000),
  log: z.strictObject({
    /** C2SP origin line. */
    origin: z.string(),
    /** Base URL of `checkpoint` and `tile/...`. */
    url: z.url(),
    vkeys: logKeysSchema,
  }),
  /** Who cosigns the log's checkpoints, and how many must. LogAnchor was told the same of their addresses. */
  witnesses: z
    .strictObject({
      quorum: z.number().int().min(0),
      members: z.array(
        z.strictObject({
          /** C2SP verifier key of type cosignature/v1. */
          vkey: z.string(),
          /** Prefix of `add-checkpoint`. */
          url: z.url(),
          /** secp256k1 address whose signature LogAnchor counts; without it a witness counts for readers alone. */
          address: address.optional(),
        }),
      ),
    })
    .refine(({ quorum, members }) => isQuorum(quorum, members.length), QUORUM_RULE),
  ceramic: z.strictObject({
    url: z.url(),
    /** did:key that controls the record streams. */
    controller: z.string(),
    /** Stream id of the record batches' model (web3/ceramic/batch-model.ts). */
    model: z.string(),
  }),
});

export type Network = z.infer<typeof networkSchema>;
