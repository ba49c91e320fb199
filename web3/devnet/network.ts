import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { parseEther } from 'viem';
import { networkSchema, type Address, type Network } from '../../src/kernel/index.js';
import { noteSigner } from '../../src/provenance/index.js';
import { createRecordStreams } from '../ceramic/record-streams.js';
import { DEVNET_CHAIN_ID } from './anvil.js';
import { usdfcTokenAbi } from '../chain/abi/usdfc-token.js';
import { createMarketplace, deploymentsBy, fundEther } from './deploy.js';
import { createFoc, installRandomness, type ProvingPeriods } from './deploy-foc.js';
import { createStaking, dealNetworkKey } from './key-nodes.js';
import type { DevnetAccounts, DevnetLayout, DevnetPorts } from './layout.js';
import { WITNESS_QUORUM, witnessIdentity, witnessPlaces, witnessUrl, writeWitnessLogs } from './witnesses.js';

/** C2SP origin line of a devnet's log. */
export const DEVNET_LOG_ORIGIN = 'weighbridge.devnet/log';
const PROTOCOL_FEE_BPS = 250;
const MINTED_WEI = parseEther('1000000');

export interface NetworkOptions {
  layout: DevnetLayout;
  ports: DevnetPorts;
  accounts: DevnetAccounts;
  rpcUrl: string;
  /** Resolves once Ceramic is up: until then the contracts are deployed. */
  ceramicUrl: () => Promise<string>;
  proving?: ProvingPeriods | undefined;
}

/**
 * The devnet's `network.json`: read if it is there, else every contract is deployed, the demo's accounts get test money,
 * and the file is written last, whole. A start that was interrupted before deploys anew.
 */
export async function devnetNetwork(options: NetworkOptions): Promise<Network> {
  const { layout } = options;
  if (existsSync(layout.networkFile)) {
    return networkSchema.parse(JSON.parse(readFileSync(layout.networkFile, 'utf8')));
  }
  const network = await deploy(options);
  const temporary = `${layout.networkFile}.new`;
  writeFileSync(temporary, `${JSON.stringify(network, null, 2)}\n`);
  renameSync(temporary, layout.networkFile);
  return network;
}

async function deploy(options: NetworkOptions): Promise<Network> {
  const { layout, ports, accounts, rpcUrl } = options;
  const places = witnessPlaces(layout, ports);
  const witnesses = places.map((place) => ({ ...witnessIdentity(place), url: witnessUrl(place) }));
  const signers = witnesses.map(({ address }) => address);
  const [contracts, ceramic] = await Promise.all([deployAll(options, signers), recordModel(options)]);
  const logVkey = noteSigner(DEVNET_LOG_ORIGIN, readFileSync(layout.keyFile('log-ed25519.pem'), 'utf8')).vkey;
  const anchor = { chainId: DEVNET_CHAIN_ID, contract: contracts.logAnchor };
  for (const place of places) writeWitnessLogs(place, [{ origin: DEVNET_LOG_ORIGIN, vkeys: [logVkey], anchor }]);
  return {
    version: 1,
    name: 'devnet',
    chainId: DEVNET_CHAIN_ID,
    rpcUrl,
    apiUrl: `http://127.0.0.1:${ports.api}`,
    contracts,
    operator: accounts.operator.address,
    recorder: accounts.recorder.address,
    treasury: accounts.treasury.address,
    protocolFeeBps: PROTOCOL_FEE_BPS,
    log: {
      origin: DEVNET_LOG_ORIGIN,
      url: `http://127.0.0.1:${ports.log}`,
      vkeys: [{ vkey: logVkey, fromSize: 0 }],
    },
    witnesses: { quorum: WITNESS_QUORUM, members: witnesses },
    ceramic,
  };
}

/** Every contract, and test money for the demo's accounts: all sent at once, and waited for once. */
async function deployAll(
  { layout, ports, accounts, rpcUrl, proving }: NetworkOptions,
  anchorSigners: Address[],
): Promise<Network['contracts']> {
  const { deployer, treasury, seller, buyer } = accounts;
  const funded = [deployer, seller, buyer, accounts.operator];
  const keyNodes = [accounts['key-node-1'], accounts['key-node-2'], accounts['key-node-3']];
  await fundEther(
    rpcUrl,
    [...funded, ...keyNodes].map(({ address }) => address),
  );
  const deploy = await deploymentsBy(rpcUrl, deployer);
  const market = createMarketplace(deploy, {
    anchorSigners,
    quorum: WITNESS_QUORUM,
    logOrigin: DEVNET_LOG_ORIGIN,
    treasury: treasury.address,
    protocolFeeBps: PROTOCOL_FEE_BPS,
  });
  const { randomness, ...foc } = createFoc(deploy, market.usdfc, proving);
  for (const { address } of [seller, buyer]) deploy.call(market.usdfc, usdfcTokenAbi, 'mint', [address, MINTED_WEI]);
  const keyNodeStaking = createStaking(deploy, await dealNetworkKey(layout), ports, accounts);
  await deploy.done();
  await installRandomness(rpcUrl, randomness);
  return { ...market, ...foc, keyNodeStaking };
}

async function recordModel({ layout, ceramicUrl }: NetworkOptions): Promise<Network['ceramic']> {
  const url = await ceramicUrl();
  const seed = Buffer.from(readFileSync(layout.keyFile('relay-seed'), 'utf8').trim(), 'hex');
  const streams = await createRecordStreams({ url, seed });
  return { url, controller: streams.controller, model: await streams.ensureModel() };
}
