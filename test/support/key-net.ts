import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createTestClient, createWalletClient, defineChain, http, publicActions } from 'viem';
import type { Address, Bytes32, Hex, Network } from '../../src/kernel/index.js';
import { startAnvil, DEVNET_CHAIN_ID } from '../../web3/devnet/anvil.js';
import { deploymentsBy, fundEther } from '../../web3/devnet/deploy.js';
import { deployStaking, keyNodeEnv, startKeyNodes, type KeyNodes } from '../../web3/devnet/key-nodes.js';
import { devnetKeys, devnetLayout, devnetPorts, type DevnetLayout } from '../../web3/devnet/layout.js';
import { distDir } from './build.js';
import { releaseBoard } from './release-board.js';

/** A chain with ReleaseBoard and KeyNodeStaking on it, and three key nodes: all that threshold custody needs. */
export interface KeyNet {
  network: Network;
  layout: DevnetLayout;
  nodes: KeyNodes['nodes'];
  distDir: string;
  record(keyId: Bytes32, worker: Address, deadline?: bigint): Promise<void>;
  revoke(keyId: Bytes32): Promise<void>;
  /** Mines until everything that is mined now is final. */
  finalize(): Promise<void>;
  reorg(depth: number): Promise<void>;
  nodeEnv(node: 1 | 2 | 3): NodeJS.ProcessEnv;
  stop(): Promise<void>;
}

const FAR = 2n ** 60n;

export async function startKeyNet(): Promise<KeyNet> {
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

  const options = { layout, ports, distDir: distDir() };
  const keyNodes = await startKeyNodes(options);
  const send = async (functionName: string, args: unknown[]): Promise<void> => {
    const hash: Hex = await wallet.writeContract({ address: marketplace, abi, functionName, args });
    await client.waitForTransactionReceipt({ hash });
  };
  return {
    network,
    layout,
    nodes: keyNodes.nodes,
    distDir: options.distDir,
    record: (keyId, worker, deadline = FAR) => send('record', [keyId, worker, deadline]),
    revoke: (keyId) => send('revoke', [keyId]),
    finalize: () => client.mine({ blocks: 3 }),
    reorg: async (depth) => {
      await client.request({ method: 'anvil_reorg', params: [depth, []] } as never);
    },
    nodeEnv: (n) => keyNodeEnv(options, n),
    stop: async () => {
      await keyNodes.stop();
      await anvil.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
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
    log: { origin: 'keys', url: 'http://127.0.0.1:1', vkey: 'keys', anchorSigner: unused },
    ceramic: { url: 'http://127.0.0.1:1', controller: 'did:key:z', model: 'k' },
  };
}
