import { encodeFunctionData } from 'viem';
import { orderIdOf, WeighbridgeError, type Hex, type Order } from '../../src/kernel/index.js';
import { marketplaceAbi } from './abi/marketplace.js';
import type { ChainReader } from './chain-reader.js';
import type { Connection } from './connection.js';
import { findTransaction } from './find-transaction.js';
import { once } from './once.js';
import type { Sender } from './sender.js';

const ZERO_WORD = `0x${'0'.repeat(64)}` as const;
const NO_PROOF = { size: 0n, index: 0n, proof: [], entry: '0x' } as const;

export interface Chain {
  connection: Connection;
  sender: Sender;
  reader: ChainReader;
}

/**
 * Credits the buyer after the deadline; no proof is needed, and anyone may.
 * @throws WeighbridgeError JOB_STATE before the deadline (`details.deadline`), ESCROW_NOT_FOUND, TRANSACTION_REVERTED
 */
export async function refundExpired({ connection, sender, reader }: Chain, order: Order): Promise<Hex> {
  const to = connection.network.contracts.marketplace;
  const orderId = orderIdOf({ chainId: connection.network.chainId, contract: to }, order);
  return once({
    done: async () => (await reader.order(orderId)).state === 'refunded',
    earlier: () => connection.run(() => findTransaction(connection, 'Refunded', { orderId })),
    act: async () => {
      await expectExpired(reader, order, orderId);
      const args = [order, ZERO_WORD, '0x', NO_PROOF] as const;
      return sender.send({ to, data: encodeFunctionData({ abi: marketplaceAbi, functionName: 'refund', args }) });
    },
  });
}

async function expectExpired(reader: ChainReader, order: Order, orderId: Hex): Promise<void> {
  if ((await reader.order(orderId)).state === 'none') {
    throw new WeighbridgeError('ESCROW_NOT_FOUND', 'no payment is locked for this order', {
      next: 'Check the order and the network: there is nothing to refund here.',
    });
  }
  // Before it the contract would ask for the operator's signed refusal, and complain about that.
  if (BigInt(await reader.now()) <= order.deadline) {
    throw new WeighbridgeError('JOB_STATE', 'the deadline of the order is not over', {
      next: `Try again after ${new Date(Number(order.deadline) * 1000).toISOString()}.`,
      details: { deadline: Number(order.deadline) },
    });
  }
}
