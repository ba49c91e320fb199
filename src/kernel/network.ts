import { z } from 'zod';

const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, 'an EVM address')
  .transform((s) => s as `0x${string}`);

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
    /** C2SP verifier key, `name+hash+base64`. */
    vkey: z.string(),
    /** secp256k1 address whose signature LogAnchor accepts on a checkpoint. */
    anchorSigner: address,
  }),
  ceramic: z.strictObject({
    url: z.url(),
    /** did:key that controls the record streams. */
    controller: z.string(),
    /** Stream id of the record batches' model (web3/ceramic/batch-model.ts). */
    model: z.string(),
  }),
});

export type Network = z.infer<typeof networkSchema>;
