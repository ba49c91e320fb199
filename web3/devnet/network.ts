import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { parseEther } from 'viem';
import { networkSchema, type Network } from '../../src/kernel/index.js';
import { noteSigner } from '../../src/provenance/index.js';
import { createRecordStreams } from '../ceramic/record-streams.js';
import { DEVNET_CHAIN_ID } from './anvil.js';
import { deployContracts, fund } from './deploy.js';
import { deployFoc } from './deploy-foc.js';
import { deployStaking } from './key-nodes.js';
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
  ceramicUrl: string;
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

async function deploy({ layout, ports, accounts, rpcUrl, ceramicUrl }: NetworkOptions): Promise<Network> {
  const { deployer } = accounts;
  const places = witnessPlaces(layout, ports);
  const witnesses = places.map((place) => ({ ...witnessIdentity(place), url: witnessUrl(place) }));
  const contracts = await deployContracts({
    rpcUrl,
    deployer,
    anchorSigners: witnesses.map(({ address }) => address),
    quorum: WITNESS_QUORUM,
    logOrigin: DEVNET_LOG_ORIGIN,
    treasury: accounts.treasury.address,
    protocolFeeBps: PROTOCOL_FEE_BPS,
  });
  const foc = await deployFoc({ rpcUrl, deployer, usdfc: contracts.usdfc });
  const keyNodeStaking = await deployStaking({ rpcUrl, deployer, layout, ports, accounts });
  await fund({
    rpcUrl,
    deployer,
    usdfc: contracts.usdfc,
    accounts: [accounts.seller.address, accounts.buyer.address],
    usdfcWei: MINTED_WEI,
  });
  await fund({
    rpcUrl,
    deployer,
    usdfc: contracts.usdfc,
    accounts: (['operator', 'key-node-1', 'key-node-2', 'key-node-3'] as const).map((name) => accounts[name].address),
    usdfcWei: 0n,
  });
  const logVkey = noteSigner(DEVNET_LOG_ORIGIN, readFileSync(layout.keyFile('log-ed25519.pem'), 'utf8')).vkey;
  const anchor = { chainId: DEVNET_CHAIN_ID, contract: contracts.logAnchor };
  for (const place of places) writeWitnessLogs(place, [{ origin: DEVNET_LOG_ORIGIN, vkeys: [logVkey], anchor }]);
  return {
    version: 1,
    name: 'devnet',
    chainId: DEVNET_CHAIN_ID,
    rpcUrl,
    apiUrl: `http://127.0.0.1:${ports.api}`,
    contracts: { ...contracts, ...foc, keyNodeStaking },
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
    ceramic: { url: ceramicUrl, ...(await recordModel(layout, ceramicUrl)) },
  };
}

async function recordModel(layout: DevnetLayout, url: string): Promise<{ controller: string; model: string }> {
  const seed = Buffer.from(readFileSync(layout.keyFile('relay-seed'), 'utf8').trim(), 'hex');
  const streams = await createRecordStreams({ url, seed });
  return { controller: streams.controller, model: await streams.ensureModel() };
}
