import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { LocalAccount } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { networkSchema, type Address, type Network } from '../../src/kernel/index.js';
import { startAnvil, DEVNET_CHAIN_ID } from '../../web3/devnet/anvil.js';
import { deployFoc, type ProvingPeriods } from '../../web3/devnet/deploy-foc.js';
import { deployContracts, fund } from '../../web3/devnet/deploy.js';
import { startProvider, type ProviderOptions, type ProviderService } from '../../web3/devnet/provider.js';
import { freePort } from '../../web3/devnet/service.js';

export type StorageProviderOptions = Partial<Pick<ProviderOptions, 'port' | 'capacityBytes' | 'proveEveryMs' | 'env'>>;

/** A chain with the storage contracts, and providers on it: what storing a piece needs, and no more. */
export interface StorageNet {
  dir: string;
  network: Network;
  networkFile: string;
  deployer: LocalAccount;
  /** A new account with ether and test USDFC. */
  account(usdfcWei: bigint): Promise<LocalAccount>;
  /** Starts a provider, approved and endorsed; `name` is its folder, so the same name is the same provider. */
  provider(name: string, options?: StorageProviderOptions): Promise<ProviderService>;
  stop(): Promise<void>;
}

const NOWHERE: Address = '0x0000000000000000000000000000000000000001';

export async function startStorageNet({ proving }: { proving?: ProvingPeriods } = {}): Promise<StorageNet> {
  const dir = await mkdtemp(path.join(tmpdir(), 'weighbridge-storage-'));
  const stops: (() => Promise<unknown>)[] = [() => rm(dir, { recursive: true, force: true })];
  const stop = async (): Promise<void> => {
    for (const next of stops.splice(0).toReversed()) await next();
  };
  try {
    // a block a transaction: the chain's own waits are not what is tested here
    const anvil = await startAnvil({ dir: path.join(dir, 'chain'), port: await freePort(), blockTimeSeconds: 0 });
    stops.push(() => anvil.stop());
    const { rpcUrl } = anvil;
    const deployer = privateKeyToAccount(generatePrivateKey());
    const market = await deployContracts({
      rpcUrl,
      deployer,
      anchorSigners: [deployer.address],
      quorum: 1,
      logOrigin: 'log.example/test',
      treasury: deployer.address,
      protocolFeeBps: 0,
    });
    const foc = await deployFoc({ rpcUrl, deployer, usdfc: market.usdfc, ...(proving ? { proving } : {}) });
    const network = testNetwork(rpcUrl, { ...market, ...foc });
    const networkFile = path.join(dir, 'network.json');
    await writeFile(networkFile, JSON.stringify(network));
    return {
      dir,
      network,
      networkFile,
      deployer,
      account: async (usdfcWei) => {
        const account = privateKeyToAccount(generatePrivateKey());
        await fund({ rpcUrl, deployer, usdfc: market.usdfc, accounts: [account.address], usdfcWei });
        return account;
      },
      provider: async (name, options = {}) => {
        const home = path.join(dir, name);
        await mkdir(home, { recursive: true });
        const providerKeyFile = path.join(home, 'key');
        await writeFile(providerKeyFile, generatePrivateKey(), { mode: 0o600, flag: 'wx' }).catch(() => {});
        const port = options.port ?? (await freePort());
        const provider = await startProvider({ ...options, dir: home, port, networkFile, providerKeyFile, deployer });
        stops.push(() => provider.stop());
        return provider;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Storage asks for nothing but the chain; the rest of a network file is only there to be well-formed. */
export function testNetwork(
  rpcUrl: string,
  contracts: Omit<Network['contracts'], 'keyNodeStaking'>,
  chainId = DEVNET_CHAIN_ID,
): Network {
  return networkSchema.parse({
    version: 1,
    name: 'test',
    chainId,
    rpcUrl,
    apiUrl: rpcUrl,
    contracts: { ...contracts, keyNodeStaking: NOWHERE },
    operator: NOWHERE,
    recorder: NOWHERE,
    treasury: NOWHERE,
    protocolFeeBps: 0,
    log: { origin: 'log.example/test', url: rpcUrl, vkeys: [{ vkey: 'x', fromSize: 0 }] },
    witnesses: { quorum: 0, members: [] },
    ceramic: { url: rpcUrl, controller: 'did:key:x', model: 'x' },
  });
}
