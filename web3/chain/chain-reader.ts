import type { MarketplaceChain, OnChainOrder, OrderState } from '../../src/access/ports.js';
import type { Address, Bytes32, Network } from '../../src/kernel/index.js';
import { logAnchorAbi } from './abi/log-anchor.js';
import { marketplaceAbi } from './abi/marketplace.js';
import { connect, type Connection } from './connection.js';

/** In the order of `OrderState` in IMarketplace.sol. */
const STATES: readonly OrderState[] = ['none', 'open', 'recorded', 'settled', 'refunded'];

/** What anybody may ask the contracts, at the latest block. */
export interface ChainReader extends Pick<
  MarketplaceChain,
  'order' | 'offerOf' | 'isRevoked' | 'isLicenceRevoked' | 'canRelease' | 'anchored' | 'now'
> {
  /** The root anchored for a tree size; undefined if that size never was. */
  rootOf(size: bigint): Promise<Bytes32 | undefined>;
  /** The order that a worker address serves; undefined if none. */
  orderOf(worker: Address): Promise<Bytes32 | undefined>;
  /** Credit of an account in the contract, in wei. */
  owedTo(account: Address): Promise<bigint>;
}

/** Reads need no account. @throws WeighbridgeError WRONG_CHAIN, CHAIN_UNAVAILABLE (retryable), CONFIG_INVALID */
export function createChainReader({ network }: { network: Network }): ChainReader {
  return chainReader(connect(network));
}

export function chainReader(connection: Connection): ChainReader {
  const { client, network, run } = connection;
  const marketplace = { address: network.contracts.marketplace, abi: marketplaceAbi } as const;
  const logAnchor = { address: network.contracts.logAnchor, abi: logAnchorAbi } as const;
  const rootOf = (size: bigint) => client.readContract({ ...logAnchor, functionName: 'rootOf', args: [size] });
  return {
    order: (orderId) =>
      run(async () =>
        onChainOrder(await client.readContract({ ...marketplace, functionName: 'order', args: [orderId] })),
      ),
    offerOf: (keyId) => run(() => client.readContract({ ...marketplace, functionName: 'offerOf', args: [keyId] })),
    isRevoked: (keyId) => run(() => client.readContract({ ...marketplace, functionName: 'isRevoked', args: [keyId] })),
    isLicenceRevoked: (keyId, licence) =>
      run(() => client.readContract({ ...marketplace, functionName: 'isLicenceRevoked', args: [keyId, licence] })),
    canRelease: (keyId, caller) =>
      run(() => client.readContract({ ...marketplace, functionName: 'canRelease', args: [keyId, caller] })),
    anchored: () =>
      run(async () => {
        const size = await client.readContract({ ...logAnchor, functionName: 'size' });
        return { size, root: await rootOf(size) };
      }),
    now: () => run(async () => Number((await client.getBlock({ blockTag: 'latest' })).timestamp)),
    rootOf: (size) => run(async () => unlessZero(await rootOf(size))),
    orderOf: (worker) =>
      run(async () =>
        unlessZero(await client.readContract({ ...marketplace, functionName: 'orderOf', args: [worker] })),
      ),
    owedTo: (account) => run(() => client.readContract({ ...marketplace, functionName: 'owed', args: [account] })),
  };
}

interface OrderRecord {
  buyer: Address;
  deadline: bigint;
  state: number;
  amount: bigint;
  keyId: Bytes32;
  splitHash: Bytes32;
}

function onChainOrder(record: OrderRecord): OnChainOrder {
  const state = STATES[record.state];
  if (state === undefined) throw new Error(`the contract knows an order state ${record.state} that this code does not`);
  return {
    state,
    buyer: record.buyer,
    keyId: record.keyId,
    amountWei: record.amount,
    deadline: Number(record.deadline),
    splitHash: record.splitHash,
  };
}

function unlessZero(word: Bytes32): Bytes32 | undefined {
  return /^0x0+$/.test(word) ? undefined : word;
}
