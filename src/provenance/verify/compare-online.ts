import { encodeAbiParameters, keccak256 } from 'viem';
import { shareFromJson, type Address, type Bytes32 } from '../../kernel/index.js';
import { check, CheckFailed, type Check } from './checks.js';
import type { Receipt } from './receipt-schema.js';

/** What somebody read from the chain about a receipt's order. Reading is the caller's; comparing is here. */
export interface ChainFacts {
  /** `Marketplace`'s view of the order. */
  order: { state: string; buyer: Address; keyId: Bytes32; splitHash: Bytes32 };
  /** Digest of the offer that stands for the key. */
  offer: Bytes32;
  /** The settlement's transaction: undefined if the chain has none of that hash. */
  transaction: { succeeded: boolean; to: Address | null } | undefined;
}

/** keccak256(abi.encode(shares)), as `Marketplace.open` fixes it. */
export function splitHashOf(payouts: Receipt['settlement']['payouts']): Bytes32 {
  const tuple = {
    type: 'tuple[]',
    components: [
      { name: 'to', type: 'address' },
      { name: 'amount', type: 'uint128' },
    ],
  } as const;
  return keccak256(encodeAbiParameters([tuple], [payouts.map(shareFromJson)]));
}

/** What the chain adds to an offline verdict: that the money really moved, and for this order. */
export async function compareWithChain(receipt: Receipt, facts: ChainFacts): Promise<Check[]> {
  const restsOn = 'the chain, as the RPC node tells it';
  const compare = async (name: string, detail: string, agrees: () => boolean): Promise<Check> =>
    check(name, restsOn, 'CHAIN_DISAGREES', () => {
      if (!agrees()) throw new CheckFailed('CHAIN_DISAGREES', `not so on chain: ${detail}`);
      return detail;
    });
  const { order, settlement, dataset, network } = receipt;
  const lower = (address: string | null | undefined): string | undefined => address?.toLowerCase();
  return [
    await compare('chain:order', 'the order is settled, of this buyer and this dataset', () => {
      const { state, buyer, keyId } = facts.order;
      return state === 'settled' && lower(buyer) === lower(order.order.buyer) && keyId === dataset.keyId;
    }),
    await compare('chain:split', 'the escrow was split as the receipt says', () => {
      return facts.order.splitHash === splitHashOf(settlement.payouts);
    }),
    await compare('chain:offer', 'the seller’s offer is registered', () => facts.offer === order.order.offer),
    await compare('chain:transaction', 'the settlement transaction succeeded on the marketplace', () => {
      return facts.transaction?.succeeded === true && lower(facts.transaction.to) === lower(network.marketplace);
    }),
  ];
}
