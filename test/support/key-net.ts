import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createTestClient, createWalletClient, defineChain, http, publicActions } from 'viem';
import type { Address, Bytes32, Hex, Network } from '../../src/kernel/index.js';
import { keyNodeStakingAbi } from '../../web3/chain/abi/key-node-staking.js';
import { startAnvil, DEVNET_CHAIN_ID } from '../../web3/devnet/anvil.js';
import { keyNodeStakingBytecode } from '../../web3/devnet/bytecode/key-node-staking.js';
import { deploymentsBy, fundEther } from '../../web3/devnet/deploy.js';
import { deployStaking, keyNodeEnv, startKeyNodes, type KeyNode, type KeyNodes } from '../../web3/devnet/key-nodes.js';
import { devnetKeys, devnetLayout, devnetPorts, type DevnetLayout } from '../../web3/devnet/layout.js';
import { distDir } from './build.js';
import { releaseBoard } from './release-board.js';

/** A chain with ReleaseBoard and KeyNodeStaking on it, and three key nodes: all that threshold custody needs. */
export interface KeyNet {
  network: Network;
  layout: DevnetLayout;
  nodes: KeyNodes['nodes'];
  /** @throws RangeError unless there is a node with this index, from 0 */
  node(index: number): KeyNode;
  signal(index: number, signal: NodeJS.Signals): void;
  isUp(index: number): Promise<boolean>;
  /** How many nodes the chain lists for clients. */
  activeNodes(): Promise<number>;
  /** Starts what was killed and waits until the chain lists all three again. */
  allUp(): Promise<void>;
  distDir: string;
  record(keyId: Bytes32, worker: Address, deadline?: bigint): Promise<void>;
  revoke(keyId: Bytes32): Promise<void>;
  /** Chain time, Unix seconds. */
  now(): Promise<bigint>;
  /** Lets chain time go on by so many seconds. */
  passTime(seconds: number): Promise<void>;
  /** Mines until everything that is mined now is final. */
  finalize(): Promise<void>;
  blockHash(): Promise<Bytes32>;
  reorg(depth: number): Promise<void>;
  /** A second contract that lists the same nodes under another network key. */
  deployStakingWithKey(networkPublicKey: Hex): Promise<Address>;
  nodeEnv(node: 1 | 2 | 3): NodeJS.ProcessEnv;
  stop(): Promise<void>;
}

const FAR = 2n ** 60n;

export async function startKeyNet(): Promise<KeyNet> {
  const compiled = distDir();
  const dir = mkdtempSync(path.join(tmpdir(), 'weighbridge-keys-'));
  const layout = devnetLayout(dir);
  const ports = await devnetPorts(layout);
  const accounts = devnetKeys(layout);
  // A block a transaction: a test decides when something is final.
  const anvil = await startAnvil({ dir: path.join(dir, 'anvil'), port: ports.anvil, blockTimeSeconds: 0 });
  const { rpcUrl } = anvil;
  const chain = defineChain({
    id: DEVNET_CHAIN_ID,
    name: 'devnet',
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [rpcUrl] } },
  });
  const client = createTestClient({ mode: 'anvil', chain, transport: http(rpcUrl), pollingInterval: 50 }).extend(
    publicActions,
  );
  const { deployer } = accounts;
  const wallet = createWalletClient({ account: deployer, chain, transport: http(rpcUrl) });

  await fundEther(rpcUrl, [deployer.address]);
  const { abi, bytecode } = releaseBoard();
  const deploy = await deploymentsBy(rpcUrl, deployer);
  const marketplace = deploy.create('ReleaseBoard', abi, bytecode, []);
  await deploy.done();
  const keyNodeStaking = await deployStaking({ rpcUrl, deployer, layout, ports, accounts });
  const network = networkOf(rpcUrl, { marketplace, keyNodeStaking }, deployer.address);
  writeFileSync(layout.networkFile, JSON.stringify(network));

  const options = { layout, ports, distDir: compiled };
  const keyNodes = await startKeyNodes(options).catch(async (error: unknown) => {
    await anvil.stop();
    throw error;
  });
  const send = async (functionName: string, args: unknown[]): Promise<void> => {
    const hash: Hex = await wallet.writeContract({ address: marketplace, abi, functionName, args });
    await client.waitForTransactionReceipt({ hash });
  };
  const node = (index: number): KeyNode => {
    const found = keyNodes.nodes[index];
    if (found === undefined) throw new RangeError(`no node ${index}`);
    return found;
  };
  const activeNodes = async (): Promise<number> => {
    const staking = { address: keyNodeStaking, abi: keyNodeStakingAbi } as const;
    const view = await client.readContract({ ...staking, functionName: 'getActiveUnkickedValidatorStructsAndCounts' });
    return view[2].length;
  };
  const allUp = async (): Promise<void> => {
    const down = await Promise.all(keyNodes.nodes.map(async ({ port }) => !(await isUp(port))));
    await Promise.all(keyNodes.nodes.filter((_, i) => down[i]).map((dead) => dead.start()));
    // A node waits out its penalty, which doubles with each kick: chain time may pass faster.
    while ((await activeNodes()) < keyNodes.nodes.length) {
      await client.increaseTime({ seconds: 60 });
      await client.mine({ blocks: 1 });
      await delay(250);
    }
  };
  return {
    network,
    layout,
    nodes: keyNodes.nodes,
    node,
    signal: (index, signal) => process.kill(node(index).pid, signal),
    isUp: (index) => isUp(node(index).port),
    activeNodes,
    allUp,
    distDir: options.distDir,
    record: (keyId, worker, deadline = FAR) => send('record', [keyId, worker, deadline]),
    revoke: (keyId) => send('revoke', [keyId]),
    now: async () => (await client.getBlock()).timestamp,
    passTime: async (seconds) => {
      await client.increaseTime({ seconds });
      await client.mine({ blocks: 1 });
    },
    finalize: () => client.mine({ blocks: 3 }),
    blockHash: async () => (await client.getBlock()).hash,
    reorg: async (depth) => {
      await client.request({ method: 'anvil_reorg', params: [depth, []] } as never);
    },
    deployStakingWithKey: async (networkPublicKey) => {
      const members = { address: keyNodeStaking, abi: keyNodeStakingAbi, functionName: 'members' } as const;
      const again = await deploymentsBy(rpcUrl, deployer);
      const args = [2n, networkPublicKey, await client.readContract(members)];
      const address = again.create('KeyNodeStaking', keyNodeStakingAbi, keyNodeStakingBytecode, args);
      await again.done();
      return address;
    },
    nodeEnv: (n) => keyNodeEnv(options, n),
    stop: async () => {
      await keyNodes.stop();
      await anvil.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function isUp(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/healthz`).then(
    ({ ok }) => ok,
    () => false,
  );
}

function networkOf(
  rpcUrl: string,
  deployed: { marketplace: Address; keyNodeStaking: Address },
  unused: Address,
): Network {
  const contracts = {
    logAnchor: unused,
    usdfc: unused,
    multicall3: unused,
    pdp: unused,
    fwss: unused,
    fwssView: unused,
  };
  const more = {
    filecoinPay: unused,
    serviceProviderRegistry: unused,
    sessionKeyRegistry: unused,
    endorsements: unused,
  };
  return {
    version: 1,
    name: 'keys',
    chainId: DEVNET_CHAIN_ID,
    rpcUrl,
    apiUrl: 'http://127.0.0.1:1',
    contracts: { ...contracts, ...more, ...deployed },
    operator: unused,
    recorder: unused,
    treasury: unused,
    protocolFeeBps: 0,
    log: { origin: 'keys', url: 'http://127.0.0.1:1', vkeys: [{ vkey: 'keys', fromSize: 0 }] },
    witnesses: { quorum: 0, members: [] },
    ceramic: { url: 'http://127.0.0.1:1', controller: 'did:key:z', model: 'k' },
  };
}
