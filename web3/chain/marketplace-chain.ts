import { encodeFunctionData, type LocalAccount } from 'viem';
import type { MarketplaceChain, OrderState } from '../../src/access/ports.js';
import { orderIdOf, WeighbridgeError, type Hex, type Network, type Order } from '../../src/kernel/index.js';
import { marketplaceAbi } from './abi/marketplace.js';
import { chainReader } from './chain-reader.js';
import { connect } from './connection.js';
import { findTransaction } from './find-transaction.js';
import { once } from './once.js';
import { refundExpired } from './refund-expired.js';
import { createSender } from './sender.js';

/**
 * `Marketplace` as an operator's worker uses it; `account` pays for gas. A write that was made already, by this
 * process before it crashed or by anybody else, answers with the transaction that made it.
 */
export function createMarketplaceChain(options: { network: Network; account: LocalAccount }): MarketplaceChain {
  const connection = connect(options.network);
  const sender = createSender(connection, options.account);
  const reader = chainReader(connection);
  const to = options.network.contracts.marketplace;
  const market = { chainId: options.network.chainId, contract: to };

  /** Fails early and clearly where the contract would say `WrongState`. */
  const expectState = async (order: Order, allowed: OrderState[]): Promise<void> => {
    const { state } = await reader.order(orderIdOf(market, order));
    if (state === 'none') {
      throw new WeighbridgeError('ESCROW_NOT_FOUND', 'no payment is locked for this order', {
        next: 'Open the order on chain first.',
      });
    }
    if (allowed.includes(state)) return;
    throw new WeighbridgeError('TRANSACTION_REVERTED', `the order is ${state}, not ${allowed.join(' or ')}`, {
      next: 'Read the order again and go on from its state.',
      details: { error: 'WrongState', args: [state] },
    });
  };

  return {
    ...reader,
    anchorAndRecord: (checkpoint, order, worker, assignSignature, inclusion) =>
      once({
        earlier: () =>
          connection.run(() =>
            findTransaction(connection, 'AccessRecorded', { orderId: orderIdOf(market, order), worker }),
          ),
        done: async () => (await reader.orderOf(worker)) === orderIdOf(market, order),
        act: async (): Promise<Hex> => {
          await expectState(order, ['open']);
          const args = [checkpoint, order, worker, assignSignature, inclusion] as const;
          return sender.send({
            to,
            data: encodeFunctionData({ abi: marketplaceAbi, functionName: 'anchorAndRecord', args }),
          });
        },
      }),
    anchorAndSettle: (checkpoint, order, shares, completion, inclusion) =>
      once({
        earlier: () =>
          connection.run(() => findTransaction(connection, 'Settled', { orderId: orderIdOf(market, order) })),
        done: async () => (await reader.order(orderIdOf(market, order))).state === 'settled',
        act: async () => {
          await expectState(order, ['recorded']);
          const { workerSignature, ...vouched } = completion;
          const args = [checkpoint, order, shares, vouched, workerSignature, inclusion] as const;
          return sender.send({
            to,
            data: encodeFunctionData({ abi: marketplaceAbi, functionName: 'anchorAndSettle', args }),
          });
        },
      }),
    anchorAndRefund: (checkpoint, order, refusal, inclusion) =>
      once({
        earlier: () =>
          connection.run(() => findTransaction(connection, 'Refunded', { orderId: orderIdOf(market, order) })),
        done: async () => (await reader.order(orderIdOf(market, order))).state === 'refunded',
        act: async () => {
          await expectState(order, ['open', 'recorded']);
          const args = [checkpoint, order, refusal.reason, refusal.operatorSignature, inclusion] as const;
          return sender.send({
            to,
            data: encodeFunctionData({ abi: marketplaceAbi, functionName: 'anchorAndRefund', args }),
          });
        },
      }),
    refundExpired: (order) => refundExpired({ connection, sender, reader }, order),
  };
}
