import * as Upstream from '@filoz/synapse-core/abis';
import { toFunctionSignature, type Abi, type AbiFunction, type AbiParameter } from 'viem';
import { formatAbiItem } from 'viem/utils';
import { describe, expect, test } from 'vitest';
import { filecoinPayAbi } from '../chain/abi/filecoin-pay.js';
import { filecoinWarmStorageServiceAbi } from '../chain/abi/filecoin-warm-storage-service.js';
import { filecoinWarmStorageServiceStateViewAbi } from '../chain/abi/filecoin-warm-storage-service-state-view.js';
import { pdpVerifierAbi } from '../chain/abi/pdp-verifier.js';
import { providerIdSetAbi } from '../chain/abi/provider-id-set.js';
import { serviceProviderRegistryAbi } from '../chain/abi/service-provider-registry.js';
import { sessionKeyRegistryAbi } from '../chain/abi/session-key-registry.js';

const words = (text: string): string[] => text.trim().split(/\s+/);

/**
 * The unmodified SDK talks to our contracts by its own ABIs. What we offer under an upstream name must be encoded as
 * upstream encodes it; what we add must be listed here; the SDK's calls must all be there.
 */
const CONTRACTS: Record<string, { ours: Abi; upstream: Abi; added: string[]; called: string[] }> = {
  PDPVerifier: {
    ours: pdpVerifierAbi,
    upstream: Upstream.pdp,
    added: ['FilBurnFailed', 'MalformedPieceCid'],
    called: words(`
      addPieces createDataSet dataSetLive findPieceIds
      findPieceIdsByCid getActivePieceCount getActivePieces getChallengeRange
      getDataSetLeafCount getDataSetListener getNextChallengeEpoch getNextPieceId
      getPieceCid getRandomness nextProvingPeriod provePossession
      VERSION calculateProofFee getScheduledRemovals schedulePieceDeletions
      USDFC_SYBIL_FEE`),
  },
  FilecoinWarmStorageService: {
    ours: filecoinWarmStorageServiceAbi,
    upstream: Upstream.fwss,
    added: words(`
      dataSets dataSetsOf dataSetMetadata pieceMetadata
      usedNonces railToDataSet approvedProviders maxProvingPeriod
      challengeWindowSize nextDeadline provenPeriods provenThisPeriod
      provingActivationEpoch provingDeadlines CHALLENGES_PER_PROOF STORAGE_PRICE_PER_TIB_PER_MONTH
      MINIMUM_PRICE_PER_MONTH EPOCHS_PER_MONTH LOCKUP_PERIOD CREATE_DATA_SET_TYPEHASH
      ADD_PIECES_TYPEHASH SCHEDULE_PIECE_REMOVALS_TYPEHASH InvalidShortString StringTooLong`),
    called: ['getServicePrice', 'terminateService', 'addApprovedProvider', 'VERSION', 'viewContractAddress'],
  },
  FilecoinWarmStorageServiceStateView: {
    ours: filecoinWarmStorageServiceStateViewAbi,
    upstream: Upstream.fwssView,
    added: [],
    called: words(`
      clientNonces getAllDataSetMetadata getAllPieceMetadata getApprovedProviders
      getClientDataSets getDataSet getPDPConfig provingDeadline
      provenThisPeriod nextPDPChallengeWindowStart`),
  },
  FilecoinPay: {
    ours: filecoinPayAbi,
    upstream: Upstream.filecoinPay,
    added: [],
    called: words(`
      accounts operatorApprovals depositWithPermit depositWithPermitAndApproveOperator
      withdraw setOperatorApproval getRail settleRail
      terminateRail getAccountInfoIfSettled`),
  },
  ServiceProviderRegistry: {
    ours: serviceProviderRegistryAbi,
    upstream: Upstream.serviceProviderRegistry,
    added: ['FilBurnFailed', 'FilRefundFailed'],
    called: words(`
      getProviderWithProduct getProvidersByProductType getProviderIdByAddress registerProvider
      REGISTRATION_FEE isRegisteredProvider updateProduct VERSION`),
  },
  SessionKeyRegistry: {
    ours: sessionKeyRegistryAbi,
    upstream: Upstream.sessionKeyRegistry,
    added: ['FundingFailed'],
    called: ['login', 'revoke', 'authorizationExpiry'],
  },
  ProviderIdSet: {
    ours: providerIdSetAbi,
    upstream: Upstream.providerIdSet,
    added: [],
    called: ['getProviderIds', 'addProviderId', 'removeProviderId'],
  },
};

type Named = Extract<Abi[number], { name: string }>;
const namedItems = (abi: Abi): Named[] => abi.filter((item): item is Named => 'name' in item);
const isFunction = (item: Named): item is AbiFunction => item.type === 'function';

/** Types all the way down, without names: how a value is encoded. */
function encoding(parameters: readonly AbiParameter[]): string {
  return parameters
    .map((p) =>
      'components' in p
        ? `(${encoding((p as { components: readonly AbiParameter[] }).components)})${p.type.slice('tuple'.length)}`
        : p.type,
    )
    .join(',');
}

function shapeOf(item: Named): string {
  const inputs = `${item.type} ${item.name}(${encoding(item.inputs)})`;
  if (isFunction(item)) return `${inputs} returns (${encoding(item.outputs)})`;
  if (item.type === 'event') return `${inputs} indexed ${item.inputs.map((i) => (i.indexed ? 1 : 0)).join('')}`;
  return inputs;
}

describe.each(Object.entries(CONTRACTS))('%s', (_name, { ours, upstream, added, called }) => {
  const theirs = new Set(namedItems(upstream).map(shapeOf));
  const theirNames = new Set(namedItems(upstream).map((item) => item.name));

  test('encodes what it shares with upstream as upstream does', () => {
    const differing = namedItems(ours)
      .filter((item) => theirNames.has(item.name) && !theirs.has(shapeOf(item)))
      .map((item) => formatAbiItem(item));
    expect(differing).toEqual([]);
  });

  test('adds nothing that is not listed here', () => {
    const extra = namedItems(ours).map((item) => item.name);
    expect([...new Set(extra)].filter((name) => !theirNames.has(name)).toSorted()).toEqual(added.toSorted());
  });

  test('has every function that the SDK and the provider call', () => {
    const have = new Set(namedItems(ours).filter(isFunction).map(toFunctionSignature));
    const wanted = namedItems(upstream)
      .filter(isFunction)
      .filter((item) => called.includes(item.name));
    expect(wanted.length).toBeGreaterThanOrEqual(called.length);
    expect(wanted.map(toFunctionSignature).filter((signature) => !have.has(signature))).toEqual([]);
  });
});
