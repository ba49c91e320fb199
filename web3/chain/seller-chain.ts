import { encodeFunctionData, type LocalAccount } from 'viem';
import { keyIdOf, offerDigest, type Bytes32, type Hex, type Network, type Offer } from '../../src/kernel/index.js';
import { marketplaceAbi } from './abi/marketplace.js';
import { chainReader, type ChainReader } from './chain-reader.js';
import { connect } from './connection.js';
import { findTransaction } from './find-transaction.js';
import { once } from './once.js';
import { createSender } from './sender.js';

/** What a seller does on chain. Each write answers a repeat with the transaction that did it. */
export interface SellerChain extends ChainReader {
  /**
   * Lists the offer, or replaces the dataset version's offer for later orders, unless it is the listed one.
   * @throws WeighbridgeError BAD_PRICE, BAD_TERMS, DATASET_REVOKED, OFFER_MISMATCH (expired), TRANSACTION_REVERTED
   */
  listOffer(offer: Offer): Promise<Hex>;
  /** Stops key release for a dataset version, for good. @throws WeighbridgeError TRANSACTION_REVERTED (not the seller) */
  revoke(keyId: Bytes32): Promise<Hex>;
  /** Stops key release for one licence of it, for good. @throws WeighbridgeError TRANSACTION_REVERTED (not the seller) */
  revokeLicence(keyId: Bytes32, licence: Bytes32): Promise<Hex>;
}

export function createSellerChain(options: { network: Network; account: LocalAccount }): SellerChain {
  const connection = connect(options.network);
  const sender = createSender(connection, options.account);
  const reader = chainReader(connection);
  const to = options.network.contracts.marketplace;
  const market = { chainId: options.network.chainId, contract: to };
  return {
    ...reader,
    listOffer: (offer) => {
      const keyId = keyIdOf(offer.seller, offer.datasetId, offer.version);
      const data = encodeFunctionData({ abi: marketplaceAbi, functionName: 'list', args: [offer] });
      return once({
        done: async () => (await reader.offerOf(keyId)) === offerDigest(market, offer),
        earlier: () => connection.run(() => findTransaction(connection, 'Listed', { keyId })),
        act: () => sender.send({ to, data }),
      });
    },
    revoke: (keyId) => {
      const data = encodeFunctionData({ abi: marketplaceAbi, functionName: 'revoke', args: [keyId] });
      return once({
        done: () => reader.isRevoked(keyId),
        earlier: () => connection.run(() => findTransaction(connection, 'Revoked', { keyId })),
        act: () => sender.send({ to, data }),
      });
    },
    revokeLicence: (keyId, licence) => {
      const data = encodeFunctionData({ abi: marketplaceAbi, functionName: 'revokeLicence', args: [keyId, licence] });
      return once({
        done: () => reader.isLicenceRevoked(keyId, licence),
        earlier: () => connection.run(() => findTransaction(connection, 'LicenceRevoked', { keyId, licence })),
        act: () => sender.send({ to, data }),
      });
    },
  };
}
