import { encodeFunctionData, type LocalAccount } from 'viem';
import {
  amountOf,
  formatWei,
  isWeighbridgeError,
  orderIdOf,
  WeighbridgeError,
  type Address,
  type Hex,
  type Network,
  type Offer,
  type Order,
} from '../../src/kernel/index.js';
import { marketplaceAbi } from './abi/marketplace.js';
import { usdfcTokenAbi } from './abi/usdfc-token.js';
import { chainReader, type ChainReader } from './chain-reader.js';
import { connect } from './connection.js';
import { findTransaction } from './find-transaction.js';
import { once } from './once.js';
import { refundExpired } from './refund-expired.js';
import { createSender } from './sender.js';
import { NO_PERMIT, signPermit } from './sign-permit.js';

/** A permit counts once: of runs that are paid at the same moment one wins a round, and the others sign anew. */
const PERMIT_ROUNDS = 10;

/** What a buyer does on chain, and whoever else is owed something. */
export interface BuyerChain extends ChainReader {
  /** USDFC of this account, in wei. */
  usdfcBalance(): Promise<bigint>;
  /**
   * Pays what the offer asks for this order into escrow with an EIP-2612 permit, in one transaction. Answers a repeat with the
   * transaction that did it. @throws WeighbridgeError NO_BALANCE, OFFER_MISMATCH, DATASET_REVOKED, BAD_INPUT
   */
  open(order: Order, offer: Offer): Promise<Hex>;
  /** Credit of this account in the contract, in wei. */
  owed(): Promise<bigint>;
  /** Takes the credit out. @throws WeighbridgeError NO_BALANCE if there is none (so also when repeated) */
  withdraw(to?: Address): Promise<Hex>;
  /** @throws WeighbridgeError JOB_STATE before the deadline */
  refundExpired(order: Order): Promise<Hex>;
}

export function createBuyerChain(options: { network: Network; account: LocalAccount }): BuyerChain {
  const { network, account } = options;
  const connection = connect(network);
  const sender = createSender(connection, account);
  const reader = chainReader(connection);
  const to = network.contracts.marketplace;

  const usdfcBalance = () =>
    connection.run(() =>
      connection.client.readContract({
        address: network.contracts.usdfc,
        abi: usdfcTokenAbi,
        functionName: 'balanceOf',
        args: [account.address],
      }),
    );

  const open = async (order: Order, offer: Offer): Promise<Hex> => {
    const orderId = orderIdOf({ chainId: network.chainId, contract: to }, order);
    return once({
      done: async () => (await reader.order(orderId)).state !== 'none',
      earlier: () => connection.run(() => findTransaction(connection, 'Opened', { orderId })),
      act: async () => {
        const amountWei = amountOf(offer, order.epsilonMicros);
        if (amountWei > 0n) expectBalance(account.address, await usdfcBalance(), amountWei);
        for (let round = 1; ; round += 1) {
          const permit =
            amountWei > 0n ? await connection.run(() => signPermit(connection, account, amountWei)) : NO_PERMIT;
          const args = [order, offer, permit] as const;
          const data = encodeFunctionData({ abi: marketplaceAbi, functionName: 'open', args });
          try {
            return await sender.send({ to, data });
          } catch (error) {
            if (round === PERMIT_ROUNDS || !wasOvertaken(error)) throw error;
          }
        }
      },
    });
  };

  return {
    ...reader,
    usdfcBalance,
    open,
    owed: () => reader.owedTo(account.address),
    withdraw: (receiver = account.address) =>
      sender.send({
        to,
        data: encodeFunctionData({ abi: marketplaceAbi, functionName: 'withdraw', args: [receiver] }),
      }),
    refundExpired: (order) => refundExpired({ connection, sender, reader }, order),
  };
}

/** Another process of the account used the permit's nonce between our signing and our sending: nothing was paid here. */
function wasOvertaken(error: unknown): boolean {
  return isWeighbridgeError(error) && error.details['error'] === 'ERC20InsufficientAllowance';
}

function expectBalance(account: Address, balanceWei: bigint, priceWei: bigint): void {
  if (balanceWei >= priceWei) return;
  throw new WeighbridgeError(
    'NO_BALANCE',
    `the price is ${formatWei(priceWei)} USDFC, the account has ${formatWei(balanceWei)}`,
    {
      next: `Send ${formatWei(priceWei - balanceWei)} USDFC more to ${account}, then run the same command again.`,
      details: { account, balanceWei: balanceWei.toString(), priceWei: priceWei.toString() },
    },
  );
}
