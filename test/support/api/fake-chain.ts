import type { OnChainOrder } from '../../../src/access/index.js';
import {
  offerDigest,
  orderIdOf,
  amountOf,
  splitOf,
  type Bytes32,
  type Network,
  type Offer,
  type Order,
} from '../../../src/kernel/index.js';
import type { ApiPorts } from '../../../src/create-api.js';
import { marketOf } from '../../../src/platform/index.js';
import { splitHashOf } from '../../../src/training/submit/check-escrow.js';

const ZERO: Bytes32 = `0x${'0'.repeat(64)}`;

/** What the API reads of the Marketplace contract, held in maps that a test fills. */
export class FakeChain implements NonNullable<ApiPorts['chain']> {
  readonly offers = new Map<Bytes32, Bytes32>();
  readonly orders = new Map<Bytes32, OnChainOrder>();
  readonly revoked = new Set<Bytes32>();
  readonly revokedLicences = new Set<Bytes32>();
  down = false;

  constructor(private readonly network: Network) {}

  register(keyId: Bytes32, offer: Offer): void {
    this.offers.set(keyId, offerDigest(marketOf(this.network), offer));
  }

  /** Locks the payment, as `Marketplace.open` would. */
  open(order: Order, offer: Offer): Bytes32 {
    const { treasury, protocolFeeBps } = this.network;
    const id = orderIdOf(marketOf(this.network), order);
    this.orders.set(id, {
      state: 'open',
      buyer: order.buyer,
      keyId: order.keyId,
      amountWei: amountOf(offer, order.epsilonMicros),
      deadline: Number(order.deadline),
      splitHash: splitHashOf(splitOf(offer, order, treasury, protocolFeeBps)),
    });
    return id;
  }

  offerOf = async (keyId: Bytes32): Promise<Bytes32> => this.answer(this.offers.get(keyId) ?? ZERO);
  isRevoked = async (keyId: Bytes32): Promise<boolean> => this.answer(this.revoked.has(keyId));
  isLicenceRevoked = async (_keyId: Bytes32, id: Bytes32): Promise<boolean> =>
    this.answer(this.revokedLicences.has(id));
  now = async (): Promise<number> => this.answer(Math.floor(Date.now() / 1000));
  order = async (id: Bytes32): Promise<OnChainOrder> => {
    const none = { state: 'none', buyer: `0x${'0'.repeat(40)}`, keyId: ZERO, amountWei: 0n, deadline: 0 } as const;
    return this.answer(this.orders.get(id) ?? { ...none, splitHash: ZERO });
  };

  private answer<T>(value: T): T {
    if (this.down) throw new Error('connect ECONNREFUSED, with a secret in it');
    return value;
  }
}
