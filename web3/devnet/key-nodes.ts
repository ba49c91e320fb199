import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { LocalAccount } from 'viem';
import type { Address, Hex } from '../../src/kernel/index.js';
import { keyNodeStakingAbi } from '../chain/abi/key-node-staking.js';
import { deal, type Recipient } from '../keynode/dealer.js';
import { ipv4ToNumber } from '../lit/node-url.js';
import { keyNodeStakingBytecode } from './bytecode/key-node-staking.js';
import { deploymentsBy, fundEther, type Deployments } from './deploy.js';
import type { DevnetAccounts, DevnetLayout, DevnetPorts } from './layout.js';
import { Restartable, startAll, type Service } from './service.js';

const HOST = '127.0.0.1';
const THRESHOLD = 2;
const NODES = [1, 2, 3] as const;
type NodeNumber = (typeof NODES)[number];
const READY_TIMEOUT_MS = 120_000;

export interface StakingOptions {
  rpcUrl: string;
  deployer: LocalAccount;
  layout: DevnetLayout;
  ports: DevnetPorts;
  accounts: DevnetAccounts;
}

/**
 * Deals the network key (at the first call in this folder: the shares stay), deploys KeyNodeStaking with its public key
 * and the three nodes, and gives the nodes' accounts ether for their votes.
 * @returns address of the contract
 */
export async function deployStaking({ rpcUrl, deployer, layout, ports, accounts }: StakingOptions): Promise<Address> {
  const networkPublicKey = await dealNetworkKey(layout);
  await fundEther(rpcUrl, [deployer.address, ...NODES.map((n) => accounts[`key-node-${n}`].address)]);
  const deploy = await deploymentsBy(rpcUrl, deployer);
  const address = createStaking(deploy, networkPublicKey, ports, accounts);
  await deploy.done();
  return address;
}

/** Gives each node its share, at the first call in this folder. @returns the public key */
export async function dealNetworkKey(layout: DevnetLayout): Promise<Hex> {
  return deal({ threshold: THRESHOLD, recipients: NODES.map((n) => recipient(layout, n)) });
}

/** KeyNodeStaking with its three nodes, among other deployments. */
export function createStaking(
  deploy: Deployments,
  networkPublicKey: Hex,
  ports: DevnetPorts,
  accounts: DevnetAccounts,
): Address {
  const nodes = NODES.map((n, i) => {
    return { ip: ipv4ToNumber(HOST), port: ports.keyNodes[i], nodeAddress: accounts[`key-node-${n}`].address };
  });
  const args = [BigInt(THRESHOLD), networkPublicKey, nodes];
  return deploy.create('KeyNodeStaking', keyNodeStakingAbi, keyNodeStakingBytecode, args);
}

/** One process that tests kill and start again. */
export interface KeyNode {
  readonly port: number;
  readonly pid: number;
  /** Ends it (SIGKILL unless another signal is given) and waits until it is gone. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again with the same share, and waits until it is ready. */
  start(): Promise<void>;
}

export interface KeyNodes extends Service {
  readonly nodes: readonly KeyNode[];
}

export interface KeyNodesOptions {
  layout: DevnetLayout;
  ports: DevnetPorts;
  /** Compiled code, `dist`. */
  distDir: string;
  /** Added to the environment of the nodes. */
  env?: NodeJS.ProcessEnv;
}

/** Starts the three key nodes that `deployStaking` listed, each with its own share, passphrase and chain key. */
export async function startKeyNodes(options: KeyNodesOptions): Promise<KeyNodes> {
  const nodes = NODES.map((n) => new KeyNodeProcess(options, n));
  return { nodes, ...(await startAll(nodes)) };
}

/** What the process of a node is started with. */
export function keyNodeEnv({ layout, ports, env }: KeyNodesOptions, n: NodeNumber): NodeJS.ProcessEnv {
  return {
    ...process.env,
    KEYNODE_HOST: HOST,
    KEYNODE_PORT: String(ports.keyNodes[n - 1]),
    KEYNODE_SHARE_FILE: recipient(layout, n).shareFile,
    KEYNODE_PASSPHRASE_FILE: passphraseFile(layout, n),
    KEYNODE_KEY_FILE: layout.keyFile(`key-node-${n}`),
    WEIGHBRIDGE_NETWORK: layout.networkFile,
    ...env,
  };
}

class KeyNodeProcess extends Restartable implements KeyNode {
  readonly port: number;

  constructor(options: KeyNodesOptions, n: NodeNumber) {
    const port = Number(options.ports.keyNodes[n - 1]);
    super({
      name: `key node ${n}`,
      command: process.execPath,
      args: ['--enable-source-maps', path.join(options.distDir, 'programs/key-node.js')],
      env: keyNodeEnv(options, n),
      logFile: path.join(options.layout.logs, `key-node-${n}.log`),
      ready: async () => (await fetch(`http://${HOST}:${port}/healthz`, { signal: AbortSignal.timeout(2_000) })).ok,
      readyTimeoutMs: READY_TIMEOUT_MS,
      pidFile: path.join(nodeDir(options.layout, n), 'pid'),
    });
    this.port = port;
  }
}

/** Folder of one node: what would lie on a machine of its own. The passphrase is made at the first call. */
function recipient(layout: DevnetLayout, n: NodeNumber): Recipient {
  const file = passphraseFile(layout, n);
  mkdirSync(nodeDir(layout, n), { recursive: true, mode: 0o700 });
  if (!existsSync(file)) writeFileSync(file, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
  return { shareFile: path.join(nodeDir(layout, n), 'share.json'), passphrase: readFileSync(file, 'utf8').trim() };
}

function passphraseFile(layout: DevnetLayout, n: NodeNumber): string {
  return path.join(nodeDir(layout, n), 'passphrase');
}

function nodeDir(layout: DevnetLayout, n: NodeNumber): string {
  return path.join(layout.dir, 'key-nodes', `node-${n}`);
}
