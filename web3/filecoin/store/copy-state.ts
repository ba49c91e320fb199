import { accounts, resolveAccountState } from '@filoz/synapse-core/pay';
import { getPDPProvidersByIds } from '@filoz/synapse-core/sp-registry';
import { getBlockNumber, getContractEvents, multicall, readContract } from 'viem/actions';
import type { Address } from '../../../src/kernel/index.js';
import type { CopyState, EndedCopyState, StorageAccount } from '../../../src/storage/index.js';
import type { PaidDataSet } from './dataset-label.js';
import { epochTime } from './epoch-time.js';
import type { FocReader } from './foc-client.js';
import { heldBy, openRails } from './settle-ended.js';

/** How far back faults are read; public RPC nodes let one query span no more. */
const FAULT_EPOCHS = 1_900n;

/** What the chain says of one copy now. */
export async function stateOfCopy(client: FocReader, set: PaidDataSet): Promise<CopyState> {
  const { pdp, fwssView, filecoinPay } = client.chain.contracts;
  const args = [set.dataSetId] as const;
  const [epoch, [provider], faultPeriods, account, time] = await Promise.all([
    getBlockNumber(client, { cacheTime: 0 }),
    getPDPProvidersByIds(client, { providerIds: [set.providerId] }),
    faultsOf(client, set.dataSetId),
    accountOf(client, set.payer),
    epochTime(client),
  ]);
  const [leafCount, pieceCount, lastProven, deadline, proven, [periodEpochs], rail] = await multicall(client, {
    allowFailure: false,
    contracts: [
      { address: pdp.address, abi: pdp.abi, functionName: 'getDataSetLeafCount', args },
      { address: pdp.address, abi: pdp.abi, functionName: 'getActivePieceCount', args },
      { address: pdp.address, abi: pdp.abi, functionName: 'getDataSetLastProvenEpoch', args },
      { address: fwssView.address, abi: fwssView.abi, functionName: 'provingDeadline', args },
      { address: fwssView.address, abi: fwssView.abi, functionName: 'provenThisPeriod', args },
      { address: fwssView.address, abi: fwssView.abi, functionName: 'getPDPConfig' },
      { address: filecoinPay.address, abi: filecoinPay.abi, functionName: 'getRail', args: [set.railId] },
    ],
  });
  const paidUntilEpoch = account.fundedUntilEpoch;
  return {
    providerId: Number(set.providerId),
    provider: set.serviceProvider,
    serviceUrl: provider?.pdp.serviceURL ?? '',
    dataSetId: Number(set.dataSetId),
    epoch,
    pieceCount: Number(pieceCount),
    sizeBytes: Number(leafCount) * 32,
    lastProvenEpoch: lastProven === 0n ? null : lastProven,
    lastProvenAt: lastProven === 0n ? null : time(lastProven),
    provenThisPeriod: proven,
    deadlineEpoch: deadline === 0n ? null : deadline,
    periodEpochs: periodEpochs,
    faultPeriods,
    overduePeriods: overdue(epoch, deadline, periodEpochs, proven),
    ratePerEpochWei: rail.paymentRate,
    paidUntilEpoch,
    paidUntil: time(paidUntilEpoch),
  };
}

/** What the chain says of a copy whose service was ended. FilecoinPay forgets a rail that is settled to its end. */
export async function stateOfEnded(client: FocReader, set: PaidDataSet): Promise<EndedCopyState> {
  const { fwssView } = client.chain.contracts;
  const [epoch, [provider], rails, activation, time] = await Promise.all([
    getBlockNumber(client, { cacheTime: 0 }),
    getPDPProvidersByIds(client, { providerIds: [set.providerId] }),
    openRails(client, [set.railId]),
    readContract(client, { ...fwssView, functionName: 'provingActivationEpoch', args: [set.dataSetId] }),
    epochTime(client),
  ]);
  const rail = rails.get(set.railId);
  return {
    providerId: Number(set.providerId),
    serviceUrl: provider?.pdp.serviceURL ?? '',
    dataSetId: Number(set.dataSetId),
    epoch,
    endEpoch: set.endEpoch,
    endsAt: time(set.endEpoch),
    settled: rail === undefined,
    heldWei: rail === undefined ? 0n : heldBy(rail),
    neverProved: activation === 0n,
  };
}

/** A payer's deposit at FilecoinPay, and how long it lasts at the rates of all of its rails. */
export async function accountOf(client: FocReader, payer: Address): Promise<StorageAccount> {
  const currentEpoch = await getBlockNumber(client, { cacheTime: 0 });
  const account = await accounts(client, { address: payer, blockNumber: currentEpoch });
  const { availableFunds, runwayInEpochs } = resolveAccountState({ ...account, currentEpoch });
  return {
    payer,
    depositWei: account.funds,
    availableWei: availableFunds,
    ratePerEpochWei: account.lockupRate,
    epoch: currentEpoch,
    runwayEpochs: runwayInEpochs,
    fundedUntilEpoch: account.lockupRate === 0n ? runwayInEpochs : currentEpoch + runwayInEpochs,
  };
}

/** Periods that ended without a proof and without the provider saying so: a provider that is gone records no fault itself. */
function overdue(epoch: bigint, deadline: bigint, periodEpochs: bigint, proven: boolean): number {
  if (deadline === 0n || epoch <= deadline) return 0;
  return Number((epoch - deadline - 1n) / periodEpochs) + (proven ? 0 : 1);
}

async function faultsOf(client: FocReader, dataSetId: bigint): Promise<number> {
  const { address, abi } = client.chain.contracts.fwss;
  const head = await getBlockNumber(client, { cacheTime: 0 });
  const fromBlock = head > FAULT_EPOCHS ? head - FAULT_EPOCHS : 0n;
  const args = { dataSetId };
  const events = await getContractEvents(client, { address, abi, eventName: 'FaultRecord', args, fromBlock });
  return events.reduce((sum, event) => sum + Number(event.args.periodsFaulted ?? 1n), 0);
}
