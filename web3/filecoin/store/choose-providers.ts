import { getEndorsedProviderIds } from '@filoz/synapse-core/endorsements';
import { getApprovedPDPProviders } from '@filoz/synapse-core/sp-registry';
import { getDataSetCall } from '@filoz/synapse-core/warm-storage';
import { keccak256, stringToHex } from 'viem';
import { getBlockNumber, getContractEvents, multicall } from 'viem/actions';
import type { Address, Bytes32 } from '../../../src/kernel/index.js';
import type { FocReader, FocSigner } from './foc-client.js';
import { answers } from './provider-calls.js';

/** A provider that the storage service lists. */
export interface Provider {
  id: bigint;
  address: Address;
  serviceUrl: string;
  pricePerTibPerDayWei: bigint;
  /** Endorsed ones come first: the service vouches for them. */
  endorsed: boolean;
  /** Proving periods that it missed lately, over all of its clients. */
  faults: number;
}

/** How far back faults count, and what public RPC nodes let one query span: some sixteen hours of Filecoin. */
const FAULT_EPOCHS = 1_900n;
/** Of a data set that is gone; providers count from 1. */
const NO_PROVIDER = 0n;

/** Every provider on the service's list, the best for `dataset` first. */
export async function rankedProviders(
  client: FocReader | FocSigner,
  dataset: Bytes32 | undefined,
): Promise<Provider[]> {
  const [listed, endorsed, faults] = await Promise.all([
    getApprovedPDPProviders(client),
    getEndorsedProviderIds(client),
    recentFaults(client),
  ]);
  const providers = listed.map(({ id, serviceProvider, pdp }) => ({
    id,
    address: serviceProvider,
    serviceUrl: pdp.serviceURL,
    pricePerTibPerDayWei: pdp.storagePricePerTibPerDay,
    endorsed: endorsed.includes(id),
    faults: faults.get(id) ?? 0,
  }));
  return providers.toSorted((a, b) => compare(a, b) || (place(dataset, a) < place(dataset, b) ? -1 : 1));
}

/** How many providers the service lists. */
export async function countProviders(client: FocReader): Promise<number> {
  return (await getApprovedPDPProviders(client)).length;
}

/** The first `count` of them that answer now. */
export async function firstThatAnswer(providers: Provider[], count: number): Promise<Provider[]> {
  const found: Provider[] = [];
  for (const provider of providers) {
    if (found.length === count) break;
    if (await answers(provider.serviceUrl)) found.push(provider);
  }
  return found;
}

/** Listing, then past faults, then price. */
export function compare(a: Provider, b: Provider): number {
  if (a.endorsed !== b.endorsed) return a.endorsed ? -1 : 1;
  if (a.faults !== b.faults) return a.faults - b.faults;
  return a.pricePerTibPerDayWei < b.pricePerTibPerDayWei ? -1 : a.pricePerTibPerDayWei > b.pricePerTibPerDayWei ? 1 : 0;
}

/** Among equals each dataset has its own order, always the same: load is spread, and a repeat chooses as before. */
function place(dataset: Bytes32 | undefined, { address }: Provider): string {
  return keccak256(stringToHex(`${dataset ?? ''}${address.toLowerCase()}`));
}

async function recentFaults(client: FocReader | FocSigner): Promise<Map<bigint, number>> {
  const { address, abi } = client.chain.contracts.fwss;
  const head = await getBlockNumber(client, { cacheTime: 0 });
  const fromBlock = head > FAULT_EPOCHS ? head - FAULT_EPOCHS : 0n;
  const events = await getContractEvents(client, { address, abi, eventName: 'FaultRecord', fromBlock });
  const bySet = new Map<bigint, number>();
  for (const { args } of events) {
    if (args.dataSetId === undefined) continue;
    bySet.set(args.dataSetId, (bySet.get(args.dataSetId) ?? 0) + Number(args.periodsFaulted ?? 1n));
  }
  if (bySet.size === 0) return new Map();
  // In one call: there may be hundreds, and each answer would be waited for.
  const sets = await multicall(client, {
    allowFailure: false,
    contracts: [...bySet.keys()].map((dataSetId) => getDataSetCall({ chain: client.chain, dataSetId })),
  });
  const faults = new Map<bigint, number>();
  [...bySet.values()].forEach((periods, i) => {
    const providerId = sets[i]?.providerId ?? NO_PROVIDER;
    if (providerId !== NO_PROVIDER) faults.set(providerId, (faults.get(providerId) ?? 0) + periods);
  });
  return faults;
}
