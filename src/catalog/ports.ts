import type { Bytes32 } from '../kernel/index.js';

/**
 * What the catalog reads of the Marketplace contract, at the latest block.
 * @throws WeighbridgeError CHAIN_UNAVAILABLE (retryable)
 */
export interface OfferRegistry {
  /** EIP-712 digest of the offer that its seller registered; 32 zero bytes if none. */
  offerOf(keyId: Bytes32): Promise<Bytes32>;
  isRevoked(keyId: Bytes32): Promise<boolean>;
}
