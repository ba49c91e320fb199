import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { getChain, type Chain } from '@filoz/synapse-core/chains';
import {
  createClient,
  createPublicClient,
  http,
  type Account,
  type Client,
  type LocalAccount,
  type PublicClient,
  type Transport,
} from 'viem';
import { WeighbridgeError, type Hex, type Network } from '../../../src/kernel/index.js';
import { inAccountQueue } from '../../chain/account-queue.js';
import { assertChain } from '../../chain/assert-chain.js';

const RPC_TIMEOUT_MS = 10_000;
const RPC_RETRIES = 3;
/** The SDK's own default is 4 s: four devnet blocks. */
const POLL_MS = 250;
/** A transaction that is in no block for so long is given up. */
export const RECEIPT_TIMEOUT_MS = 120_000;

/** What the code here was written against; another minor version may sign or name things otherwise. */
const SDK = { name: '@filoz/synapse-sdk', version: '0.41' };
const CONTRACTS = [
  { key: 'fwss', name: 'FilecoinWarmStorageService', version: '1.2' },
  { key: 'pdp', name: 'PDPVerifier', version: '3.2' },
] as const;

export type FocReader = PublicClient<Transport, Chain>;
export type FocSigner = Client<Transport, Chain, Account>;

/** The SDK's chain with the addresses of this deployment. @throws WeighbridgeError WRONG_CHAIN */
export function focChain(network: Network): Chain {
  const known = knownChain(network.chainId);
  const { contracts } = network;
  return {
    ...known,
    rpcUrls: { default: { http: [network.rpcUrl] } },
    contracts: {
      multicall3: { address: contracts.multicall3 },
      usdfc: { ...known.contracts.usdfc, address: contracts.usdfc },
      filecoinPay: { ...known.contracts.filecoinPay, address: contracts.filecoinPay },
      fwss: { ...known.contracts.fwss, address: contracts.fwss },
      fwssView: { ...known.contracts.fwssView, address: contracts.fwssView },
      serviceProviderRegistry: {
        ...known.contracts.serviceProviderRegistry,
        address: contracts.serviceProviderRegistry,
      },
      sessionKeyRegistry: { ...known.contracts.sessionKeyRegistry, address: contracts.sessionKeyRegistry },
      pdp: { ...known.contracts.pdp, address: contracts.pdp },
      endorsements: { ...known.contracts.endorsements, address: contracts.endorsements },
    },
  };
}

export function focReader(network: Network): FocReader {
  return createPublicClient({ ...clientOptions(network) });
}

export function focSigner(network: Network, account: LocalAccount): FocSigner {
  return createClient({ ...clientOptions(network), account });
}

/**
 * Sends a transaction of the wallet's. Only what chooses its number waits for its turn, so that several can be in one block;
 * calls of the marketplace by the same account stand in the same queue.
 */
export async function sendAs({ chain, account }: FocSigner, send: () => Promise<Hex>): Promise<Hex> {
  return inAccountQueue(`${chain.id}:${account.address.toLowerCase()}`, send);
}

/** Networks whose versions were compared, or are being compared. */
const compared = new WeakMap<Network, Promise<void>>();

/**
 * Compares the node's chain with the network's, and the versions of the SDK and of the contracts with those that this code
 * knows, once for a network. The protocol moves: a deployment that has moved on is refused before it is paid.
 * @throws WeighbridgeError WRONG_CHAIN naming both chains; CONFIG_INVALID naming both versions
 */
export async function checkVersions(network: Network, reader: FocReader): Promise<void> {
  const checked = compared.get(network) ?? compareVersions(network, reader);
  compared.set(network, checked);
  await checked.catch((error: unknown) => {
    if (compared.get(network) === checked) compared.delete(network); // the chain may only have been away
    throw error;
  });
}

async function compareVersions(network: Network, reader: FocReader): Promise<void> {
  const manifest = findPackageJSON(SDK.name, import.meta.url);
  const installed = manifest && (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
  requireVersion(SDK.name, installed ?? 'none', SDK.version);
  await assertChain(network, reader);
  const { contracts } = focChain(network);
  for (const { key, name, version } of CONTRACTS) {
    const { address, abi } = contracts[key];
    requireVersion(name, await reader.readContract({ address, abi, functionName: 'VERSION' }), version);
  }
}

function requireVersion(name: string, found: string, wanted: string): void {
  if (found === wanted || found.startsWith(`${wanted}.`)) return;
  throw new WeighbridgeError('CONFIG_INVALID', `${name} is at version ${found}; this release speaks ${wanted}`, {
    next: 'Use the release of weighbridge that goes with this deployment.',
    details: { name, found, wanted },
  });
}

function clientOptions(network: Network) {
  return {
    chain: focChain(network),
    transport: http(network.rpcUrl, { timeout: RPC_TIMEOUT_MS, retryCount: RPC_RETRIES }),
    pollingInterval: POLL_MS,
  };
}

function knownChain(chainId: number): Chain {
  try {
    return getChain(chainId);
  } catch (cause) {
    throw new WeighbridgeError('WRONG_CHAIN', `Filecoin Onchain Cloud is not on chain ${chainId}`, {
      next: 'Name a network file of Filecoin mainnet (314), calibration (314159) or a devnet (31415926).',
      cause,
    });
  }
}
