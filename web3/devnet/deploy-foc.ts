import { createPublicClient, createTestClient, http, type LocalAccount } from 'viem';
import type { Address } from '../../src/kernel/index.js';
import { filecoinPayAbi } from '../chain/abi/filecoin-pay.js';
import { filecoinWarmStorageServiceStateViewAbi } from '../chain/abi/filecoin-warm-storage-service-state-view.js';
import { filecoinWarmStorageServiceAbi } from '../chain/abi/filecoin-warm-storage-service.js';
import { fvmRandomnessAbi } from '../chain/abi/fvm-randomness.js';
import { pdpVerifierAbi } from '../chain/abi/pdp-verifier.js';
import { providerIdSetAbi } from '../chain/abi/provider-id-set.js';
import { serviceProviderRegistryAbi } from '../chain/abi/service-provider-registry.js';
import { sessionKeyRegistryAbi } from '../chain/abi/session-key-registry.js';
import { filecoinPayBytecode } from './bytecode/filecoin-pay.js';
import { filecoinWarmStorageServiceStateViewBytecode } from './bytecode/filecoin-warm-storage-service-state-view.js';
import { filecoinWarmStorageServiceBytecode } from './bytecode/filecoin-warm-storage-service.js';
import { fvmRandomnessBytecode } from './bytecode/fvm-randomness.js';
import { pdpVerifierBytecode } from './bytecode/pdp-verifier.js';
import { providerIdSetBytecode } from './bytecode/provider-id-set.js';
import { serviceProviderRegistryBytecode } from './bytecode/service-provider-registry.js';
import { sessionKeyRegistryBytecode } from './bytecode/session-key-registry.js';
import { deploymentsBy, fundEther, type Deployments } from './deploy.js';

/** Where the FVM has its beacon randomness; anvil has nothing there. */
const RANDOMNESS_PRECOMPILE: Address = '0xfe00000000000000000000000000000000000006';
/** 0.1 USDFC, what the SDK reckons a new data set to cost. */
const SYBIL_FEE_WEI = 10n ** 17n;
/** Epochs between setting a challenge and drawing it. */
const CHALLENGE_FINALITY_EPOCHS = 2n;
/** Mainnet proves daily; a devnet's epoch is a second, so once a minute, in its last twenty seconds. */
const PROVING: ProvingPeriods = { periodEpochs: 60, windowEpochs: 20 };

/** How often a data set must be proven. */
export interface ProvingPeriods {
  periodEpochs: number;
  /** The last epochs of a period, in which its proof is taken. */
  windowEpochs: number;
}

export interface FocOptions {
  rpcUrl: string;
  /** Deploys, and owns what has an owner: it alone approves and endorses providers. */
  deployer: LocalAccount;
  /** Token that storage is paid in, with EIP-2612 permit. */
  usdfc: Address;
  proving?: ProvingPeriods;
}

/** Filecoin Onchain Cloud, by the names of the network file. */
export interface FocContracts {
  pdp: Address;
  fwss: Address;
  fwssView: Address;
  filecoinPay: Address;
  serviceProviderRegistry: Address;
  sessionKeyRegistry: Address;
  endorsements: Address;
}

/**
 * Deploys our clean-room Filecoin Onchain Cloud on anvil, and puts the one FVM precompile that it needs in its place.
 * @throws Error naming the contract that was not created
 */
export async function deployFoc({ rpcUrl, deployer, usdfc, proving = PROVING }: FocOptions): Promise<FocContracts> {
  await fundEther(rpcUrl, [deployer.address]);
  const deploy = await deploymentsBy(rpcUrl, deployer);
  const { randomness, ...contracts } = createFoc(deploy, usdfc, proving);
  await deploy.done();
  await installRandomness(rpcUrl, randomness);
  return contracts;
}

/** The same among other deployments. Once those are done, `installRandomness` is left to do. */
export function createFoc(
  deploy: Deployments,
  usdfc: Address,
  proving = PROVING,
): FocContracts & { randomness: Address } {
  const filecoinPay = deploy.create('FilecoinPay', filecoinPayAbi, filecoinPayBytecode, []);
  const pdp = deploy.create('PDPVerifier', pdpVerifierAbi, pdpVerifierBytecode, [
    CHALLENGE_FINALITY_EPOCHS,
    usdfc,
    SYBIL_FEE_WEI,
    filecoinPay,
  ]);
  const serviceProviderRegistry = deploy.create(
    'ServiceProviderRegistry',
    serviceProviderRegistryAbi,
    serviceProviderRegistryBytecode,
    [],
  );
  const sessionKeyRegistry = deploy.create('SessionKeyRegistry', sessionKeyRegistryAbi, sessionKeyRegistryBytecode, []);
  const fwss = deploy.create(
    'FilecoinWarmStorageService',
    filecoinWarmStorageServiceAbi,
    filecoinWarmStorageServiceBytecode,
    [
      pdp,
      filecoinPay,
      usdfc,
      serviceProviderRegistry,
      sessionKeyRegistry,
      BigInt(proving.periodEpochs),
      BigInt(proving.windowEpochs),
    ],
  );
  const fwssView = deploy.create(
    'FilecoinWarmStorageServiceStateView',
    filecoinWarmStorageServiceStateViewAbi,
    filecoinWarmStorageServiceStateViewBytecode,
    [fwss],
  );
  const endorsements = deploy.create('ProviderIdSet', providerIdSetAbi, providerIdSetBytecode, []);
  const randomness = deploy.create('FvmRandomness', fvmRandomnessAbi, fvmRandomnessBytecode, []);
  deploy.call(fwss, filecoinWarmStorageServiceAbi, 'setViewContract', [fwssView]);
  const contracts = { pdp, fwss, fwssView, filecoinPay, serviceProviderRegistry, sessionKeyRegistry, endorsements };
  return { ...contracts, randomness };
}

/** Copies the contract to where the FVM has its precompile. */
export async function installRandomness(rpcUrl: string, deployed: Address): Promise<void> {
  const code = await createPublicClient({ transport: http(rpcUrl) }).getCode({ address: deployed });
  if (code === undefined) throw new Error('FvmRandomness has no code');
  const anvil = createTestClient({ mode: 'anvil', transport: http(rpcUrl) });
  await anvil.setCode({ address: RANDOMNESS_PRECOMPILE, bytecode: code });
}
