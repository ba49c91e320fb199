import { expect } from 'vitest';
import type { CheckpointArgs } from '../../src/access/ports.js';
import { orderIdOf, type Order } from '../../src/kernel/index.js';
import { createBuyerChain } from '../../web3/chain/buyer-chain.js';
import { createMarketplaceChain } from '../../web3/chain/marketplace-chain.js';
import { createSellerChain } from '../../web3/chain/seller-chain.js';
import { newAccount, type Market } from './market.js';

/** The adapters of the three parties, and the steps that most tests begin with. */
export function stepsOf(market: Market) {
  const { network, parties } = market;
  const worker = createMarketplaceChain({ network, account: parties.operator });
  const seller = createSellerChain({ network, account: parties.seller });
  const buyer = createBuyerChain({ network, account: parties.buyer });

  /** From the newest anchored checkpoint to the end of the log. */
  const newCheckpoint = async (): Promise<CheckpointArgs> => market.log.checkpoint((await worker.anchored()).size);

  /** Logs an access by a fresh worker; the arguments are those of `anchorAndRecord`. */
  const grant = async (order: Order) => {
    const account = newAccount();
    const { digest, signature } = await market.signed.access(order, account);
    const index = market.log.append('access-granted', digest);
    const args = [await newCheckpoint(), order, account.address, signature, market.log.inclusion(index)] as const;
    return { account, args };
  };

  return {
    worker,
    seller,
    buyer,
    newCheckpoint,
    grant,
    openOrder: async () => {
      const offer = await market.offer();
      await seller.listOffer(offer);
      const order = await market.order(offer);
      const transaction = await buyer.open(order, offer);
      return { offer, order, transaction, orderId: orderIdOf(market.market, order) };
    },
    record: async (order: Order) => {
      const { account, args } = await grant(order);
      return { account, args, transaction: await worker.anchorAndRecord(...args) };
    },
  };
}

export type Steps = ReturnType<typeof stepsOf>;

/** Matches a WeighbridgeError by its code and, if given, the name of the contract's custom error. */
export const codeOf = (code: string, error?: string): Error =>
  expect.objectContaining({ code, ...(error === undefined ? {} : { details: expect.objectContaining({ error }) }) });
