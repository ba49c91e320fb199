import {
  createTestClient,
  createWalletClient,
  defineChain,
  getContractAddress,
  http,
  keccak256,
  publicActions,
  stringToBytes,
  type Abi,
  type LocalAccount,
  type PublicActions,
  type TestClient,
  type Transport,
  type Chain,
} from 'viem';
import type { Address, Hex } from '../../src/kernel/index.js';
import { logAnchorAbi } from '../chain/abi/log-anchor.js';
import { marketplaceAbi } from '../chain/abi/marketplace.js';
import { multicall3Abi } from '../chain/abi/multicall3.js';
import { usdfcTokenAbi } from '../chain/abi/usdfc-token.js';
import { DEVNET_CHAIN_ID } from './anvil.js';
import { logAnchorBytecode } from './bytecode/log-anchor.js';
import { marketplaceBytecode } from './bytecode/marketplace.js';
import { multicall3Bytecode } from './bytecode/multicall3.js';
import { usdfcTokenBytecode } from './bytecode/usdfc-token.js';

const RECEIPT_TIMEOUT_MS = 60_000;
const POLL_MS = 100;
const CREATION_GAS = 12_000_000n;
const CALL_GAS = 500_000n;
/** What a devnet account holds: enough for millions of transactions. */
const ETHER_WEI = 10_000n * 10n ** 18n;

export interface MarketplaceOptions {
  /** Addresses of the witnesses' keys, a quorum of which vouches for a checkpoint. */
  anchorSigners: Address[];
  quorum: number;
  /** The log's C2SP origin line. */
  logOrigin: string;
  treasury: Address;
  protocolFeeBps: number;
}

export interface ContractsOptions extends MarketplaceOptions {
  rpcUrl: string;
  /** Deploys and pays gas; gets ether if it has none. It alone can mint test USDFC. */
  deployer: LocalAccount;
}

export interface MarketplaceContracts {
  marketplace: Address;
  logAnchor: Address;
  usdfc: Address;
  multicall3: Address;
}

/** Deploys the marketplace and what it stands on, in one block. @throws Error naming the contract that was not created */
export async function deployContracts(options: ContractsOptions): Promise<MarketplaceContracts> {
  const { rpcUrl, deployer } = options;
  await fundEther(rpcUrl, [deployer.address]);
  const deploy = await deploymentsBy(rpcUrl, deployer);
  const contracts = createMarketplace(deploy, options);
  await deploy.done();
  return contracts;
}

/** The same among other deployments: they stand once those are done. */
export function createMarketplace(deploy: Deployments, options: MarketplaceOptions): MarketplaceContracts {
  const { anchorSigners, quorum, logOrigin, treasury, protocolFeeBps } = options;
  const usdfc = deploy.create('UsdfcToken', usdfcTokenAbi, usdfcTokenBytecode, []);
  const multicall3 = deploy.create('Multicall3', multicall3Abi, multicall3Bytecode, []);
  const logAnchor = deploy.create('LogAnchor', logAnchorAbi, logAnchorBytecode, [
    keccak256(stringToBytes(logOrigin)),
    anchorSigners,
    quorum,
  ]);
  const marketplace = deploy.create('Marketplace', marketplaceAbi, marketplaceBytecode, [
    usdfc,
    logAnchor,
    treasury,
    BigInt(protocolFeeBps),
  ]);
  return { marketplace, logAnchor, usdfc, multicall3 };
}

/** What is sent one after the other without waiting, so that it can stand in one block. */
export interface Deployments {
  /** Where the contract will be: that follows from the sender and its nonce. */
  create(name: string, abi: Abi | readonly unknown[], bytecode: Hex, args: unknown[]): Address;
  /** Calls a contract, which may be one that was just created. */
  call(address: Address, abi: Abi | readonly unknown[], functionName: string, args: unknown[]): void;
  /** Waits until everything is mined. @throws Error naming what was refused */
  done(): Promise<void>;
}

export async function deploymentsBy(rpcUrl: string, deployer: LocalAccount): Promise<Deployments> {
  const client = devnetClient(rpcUrl);
  const wallet = createWalletClient({ account: deployer, chain: client.chain, transport: http(rpcUrl) });
  let nonce = await client.getTransactionCount({ address: deployer.address, blockTag: 'pending' });
  let last: Promise<Hex | undefined> = Promise.resolve(undefined);
  const sent: { refusal: string; hash: Promise<Hex> }[] = [];
  const send = (refusal: string, submit: (own: number) => Promise<Hex>): number => {
    const own = nonce++;
    const hash = last.then(async () => submit(own));
    hash.catch(() => {}); // `done` reports it
    last = hash;
    sent.push({ refusal, hash });
    return own;
  };
  return {
    create: (name, abi, bytecode, args) => {
      const contract = { abi: abi as Abi, bytecode, args, gas: CREATION_GAS };
      const own = send(`${name} was not created: its constructor refused`, async (nonce) =>
        wallet.deployContract({ ...contract, nonce }),
      );
      return getContractAddress({ from: deployer.address, nonce: BigInt(own) }).toLowerCase() as Address;
    },
    call: (address, abi, functionName, args) => {
      const call = { address, abi: abi as Abi, functionName, args, gas: CALL_GAS };
      send(`${functionName} was refused`, async (nonce) => wallet.writeContract({ ...call, nonce }));
    },
    done: async () => {
      const hash = await last;
      if (hash === undefined) return;
      // Mined in the order of their numbers: with the last one, all are.
      await client.waitForTransactionReceipt({ hash, pollingInterval: POLL_MS, timeout: RECEIPT_TIMEOUT_MS });
      for (const { refusal, hash } of sent) {
        const { status } = await client.getTransactionReceipt({ hash: await hash });
        if (status !== 'success') throw new Error(refusal);
      }
    },
  };
}

export interface FundOptions {
  rpcUrl: string;
  /** Minter of the test token. */
  deployer: LocalAccount;
  usdfc: Address;
  accounts: Address[];
  /** Tops each account's test USDFC up to this; zero gives ether only. */
  usdfcWei: bigint;
}

/** Tops accounts up with ether for gas and with test USDFC. A repeat changes nothing. */
export async function fund({ rpcUrl, deployer, usdfc, accounts, usdfcWei }: FundOptions): Promise<void> {
  await fundEther(rpcUrl, [deployer.address, ...accounts]);
  const client = devnetClient(rpcUrl);
  const wallet = createWalletClient({ account: deployer, chain: client.chain, transport: http(rpcUrl) });
  const hashes: Hex[] = [];
  for (const account of accounts) {
    const token = { address: usdfc, abi: usdfcTokenAbi } as const;
    const balanceWei = await client.readContract({ ...token, functionName: 'balanceOf', args: [account] });
    if (balanceWei >= usdfcWei) continue;
    const nonce = await client.getTransactionCount({ address: deployer.address, blockTag: 'pending' });
    const args = [account, usdfcWei - balanceWei] as const;
    hashes.push(await wallet.writeContract({ ...token, functionName: 'mint', args, nonce }));
  }
  for (const hash of hashes) {
    const receipt = await client.waitForTransactionReceipt({
      hash,
      pollingInterval: POLL_MS,
      timeout: RECEIPT_TIMEOUT_MS,
    });
    if (receipt.status !== 'success') throw new Error(`minting test USDFC failed in ${hash}`);
  }
}

/** Gives ether to accounts that have less than half of what a devnet account holds. */
export async function fundEther(rpcUrl: string, accounts: Address[]): Promise<void> {
  const client = devnetClient(rpcUrl);
  for (const address of accounts) {
    if ((await client.getBalance({ address })) < ETHER_WEI / 2n) {
      await client.setBalance({ address, value: ETHER_WEI });
    }
  }
}

type DevnetClient = TestClient<'anvil', Transport, Chain> & PublicActions<Transport, Chain>;

function devnetClient(rpcUrl: string): DevnetClient {
  const chain = defineChain({
    id: DEVNET_CHAIN_ID,
    name: 'Weighbridge devnet',
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [rpcUrl] } },
  });
  return createTestClient({ mode: 'anvil', chain, transport: http(rpcUrl) }).extend(publicActions);
}
