import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createPublicClient, createWalletClient, http, type LocalAccount } from 'viem';
import { privateKeyToAddress } from 'viem/accounts';
import { inAccountQueue } from '../chain/account-queue.js';
import { networkSchema, type Address, type Hex, type Network } from '../../src/kernel/index.js';
import { filecoinWarmStorageServiceAbi } from '../chain/abi/filecoin-warm-storage-service.js';
import { filecoinWarmStorageServiceStateViewAbi } from '../chain/abi/filecoin-warm-storage-service-state-view.js';
import { providerIdSetAbi } from '../chain/abi/provider-id-set.js';
import { serviceProviderRegistryAbi } from '../chain/abi/service-provider-registry.js';
import { fundEther } from './deploy.js';
import { repositoryRoot } from './repository-root.js';
import { startChild, type ChildService } from './service.js';

const READY_TIMEOUT_MS = 120_000;
const PING_TIMEOUT_MS = 2_000;
const RECEIPT_TIMEOUT_MS = 60_000;
const POLL_MS = 100;

export interface ProviderOptions {
  /** Folder of the provider's state and log; made if missing. */
  dir: string;
  port: number;
  networkFile: string;
  /** File with the provider's secp256k1 key; its account gets ether for gas and the registration fee. */
  providerKeyFile: string;
  /** Owner of the storage contracts: approves and endorses the provider. */
  deployer: LocalAccount;
  /** Bytes of pieces that the provider takes in all; unset: what the disk has. */
  capacityBytes?: number;
  /** How often it looks whether a proof is due. */
  proveEveryMs?: number;
  /** Where clients reach it, if something stands in front of it. */
  publicUrl?: string;
  /** What else its process finds in its environment. */
  env?: Record<string, string>;
}

export interface ProviderService extends ChildService {
  /** Its number in the registry. */
  id: number;
  dir: string;
  keyFile: string;
  /** Base URL of the PDP API. */
  url: string;
}

/**
 * Starts the storage provider as a process of its own, from `dist`, and makes clients choose it. State outlives the
 * process: a start in the same folder goes on where the last one ended, however it ended.
 */
export async function startProvider(options: ProviderOptions): Promise<ProviderService> {
  const { dir, port, networkFile, providerKeyFile, deployer, capacityBytes, proveEveryMs, publicUrl, env } = options;
  mkdirSync(dir, { recursive: true });
  const network = networkSchema.parse(JSON.parse(readFileSync(networkFile, 'utf8')));
  const address = privateKeyToAddress(readFileSync(providerKeyFile, 'utf8').trim() as Hex);
  await fundEther(network.rpcUrl, [address]);
  const url = `http://127.0.0.1:${port}/`;
  const service = await startChild({
    name: 'storage provider',
    command: process.execPath,
    args: ['--enable-source-maps', path.join(repositoryRoot(), 'dist/programs/provider.js')],
    env: {
      PATH: process.env.PATH,
      PROVIDER_PORT: String(port),
      PROVIDER_DIR: dir,
      PROVIDER_KEY_FILE: providerKeyFile,
      WEIGHBRIDGE_NETWORK: networkFile,
      ...(capacityBytes === undefined ? {} : { PROVIDER_CAPACITY_BYTES: String(capacityBytes) }),
      ...(publicUrl === undefined ? {} : { PROVIDER_URL: publicUrl }),
      ...(proveEveryMs === undefined ? {} : { PROVIDER_PROVE_EVERY_MS: String(proveEveryMs) }),
      ...env,
    },
    logFile: path.join(dir, 'provider.log'),
    ready: async () => (await fetch(`${url}pdp/ping`, { signal: AbortSignal.timeout(PING_TIMEOUT_MS) })).ok,
    readyTimeoutMs: READY_TIMEOUT_MS,
    pidFile: path.join(dir, 'provider.pid'),
  });
  const id = await approveProvider(network, deployer, address);
  return { ...service, id, dir, keyFile: providerKeyFile, url: publicUrl ?? url };
}

/**
 * Approves a registered provider for the storage service and endorses it: the SDK takes the first copy of a piece only to
 * an endorsed one. A repeat changes nothing.
 * @returns its number in the registry
 */
export async function approveProvider(network: Network, deployer: LocalAccount, provider: Address): Promise<number> {
  const { contracts, rpcUrl } = network;
  const reader = createPublicClient({ transport: http(rpcUrl) });
  const wallet = createWalletClient({ account: deployer, transport: http(rpcUrl) });
  const id = await reader.readContract({
    address: contracts.serviceProviderRegistry,
    abi: serviceProviderRegistryAbi,
    functionName: 'getProviderIdByAddress',
    args: [provider],
  });
  if (id === 0n) throw new Error(`${provider} is not a registered provider`);
  const service = { address: contracts.fwss, abi: filecoinWarmStorageServiceAbi } as const;
  const view = { address: contracts.fwssView, abi: filecoinWarmStorageServiceStateViewAbi } as const;
  const endorsements = { address: contracts.endorsements, abi: providerIdSetAbi } as const;
  await Promise.all([
    unless(
      async () => reader.readContract({ ...view, functionName: 'isProviderApproved', args: [id] }),
      async () => wallet.writeContract({ ...service, chain: null, functionName: 'addApprovedProvider', args: [id] }),
    ),
    unless(
      async () => reader.readContract({ ...endorsements, functionName: 'containsProviderId', args: [id] }),
      async () => wallet.writeContract({ ...endorsements, chain: null, functionName: 'addProviderId', args: [id] }),
    ),
  ]);
  return Number(id);

  async function unless(isDone: () => Promise<boolean>, send: () => Promise<Hex>): Promise<void> {
    if (await isDone()) return;
    // Other providers are approved at the same time, by the same deployer.
    const hash = await inAccountQueue(`${network.chainId}:${deployer.address.toLowerCase()}`, send);
    const receipt = await reader.waitForTransactionReceipt({
      hash,
      pollingInterval: POLL_MS,
      timeout: RECEIPT_TIMEOUT_MS,
    });
    if (receipt.status !== 'success') throw new Error(`the storage service did not take provider ${id}`);
  }
}
