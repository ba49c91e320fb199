import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createTestClient, http, publicActions, type LocalAccount } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import {
  accessDigest,
  completionDigest,
  keyIdOf,
  marketplaceDomain,
  offerDigest,
  orderIdOf,
  protocolFeeWei,
  refusalDigest,
  TYPES,
  type Bytes32,
  type Completion,
  type Network,
  type Offer,
  type Order,
} from '../../src/kernel/index.js';
import { DEVNET_CHAIN_ID, startAnvil } from '../../web3/devnet/anvil.js';
import { deployContracts, fund } from '../../web3/devnet/deploy.js';
import { freePort } from '../../web3/devnet/service.js';
import { LOG_ORIGIN, SignedLog } from './signed-log.js';

const FEE_BPS = 250;
const DAY_SECONDS = 86_400n;
export const STARTING_USDFC_WEI = 1_000n * 10n ** 18n;

export const newAccount = (): LocalAccount => privateKeyToAccount(generatePrivateKey());
export const randomWord = (): Bytes32 => generatePrivateKey();

/** A chain with the marketplace on it, its parties, and a log in memory whose checkpoints one key vouches for. */
export async function startMarket() {
  const dir = await mkdtemp(path.join(tmpdir(), 'weighbridge-market-'));
  const anvil = await startAnvil({ dir, port: await freePort(), blockTimeSeconds: 0 });
  const [deployer, treasury, operator, seller, buyer, logKey] = Array.from({ length: 6 }, newAccount) as [
    LocalAccount,
    LocalAccount,
    LocalAccount,
    LocalAccount,
    LocalAccount,
    LocalAccount,
  ];
  const { rpcUrl } = anvil;
  const contracts = await deployContracts({
    rpcUrl,
    deployer,
    anchorSigners: [logKey.address],
    quorum: 1,
    logOrigin: LOG_ORIGIN,
    treasury: treasury.address,
    protocolFeeBps: FEE_BPS,
  });
  const accounts = [operator.address, seller.address, buyer.address, treasury.address];
  await fund({ rpcUrl, deployer, usdfc: contracts.usdfc, accounts, usdfcWei: 0n });
  await fund({
    rpcUrl,
    deployer,
    usdfc: contracts.usdfc,
    accounts: [buyer.address],
    usdfcWei: STARTING_USDFC_WEI,
  });
  const network = networkOf(rpcUrl, contracts, operator, treasury);
  const client = createTestClient({ mode: 'anvil', transport: http(rpcUrl), cacheTime: 0 }).extend(publicActions);
  const market = { chainId: DEVNET_CHAIN_ID, contract: contracts.marketplace };
  return {
    network,
    client,
    market,
    parties: { deployer, treasury, operator, seller, buyer },
    log: new SignedLog({ chainId: DEVNET_CHAIN_ID, contract: contracts.logAnchor }, logKey),
    /** Takes the newest blocks back; what was in them is gone. */
    reorg: async (depth: number) => {
      await client.request({ method: 'anvil_reorg', params: [depth, []] } as never);
    },
    stop: async () => {
      await anvil.stop();
      await rm(dir, { recursive: true, force: true });
    },
    /** An offer of the seller, good for a day of chain time. */
    offer: async (changes: Partial<Offer> = {}): Promise<Offer> => {
      const price = changes.price ?? 5n * 10n ** 18n;
      const nodeFee = changes.nodeFee ?? price / 5n;
      return {
        datasetId: randomWord(),
        version: 1,
        seller: seller.address,
        price,
        nodeFee,
        pricePerEpsilon: 0n,
        maxEpsilonMicros: 0n,
        payees: [{ to: seller.address, amount: price - nodeFee - protocolFeeWei(price, FEE_BPS) }],
        operators: [operator.address],
        termsDigest: randomWord(),
        manifestDigest: randomWord(),
        validUntil: (await client.getBlock()).timestamp + DAY_SECONDS,
        ...changes,
      };
    },
    order: async (offer: Offer, changes: Partial<Order> = {}): Promise<Order> => ({
      keyId: keyIdOf(offer.seller, offer.datasetId, offer.version),
      offer: offerDigest(market, offer),
      buyer: buyer.address,
      operator: operator.address,
      licence: randomWord(),
      jobDigest: randomWord(),
      epsilonMicros: 0n,
      deadline: (await client.getBlock()).timestamp + DAY_SECONDS,
      salt: randomWord(),
      ...changes,
    }),
    /** What has to be signed and logged for an order, by whom it has to be. */
    signed: {
      access: async (order: Order, worker: LocalAccount) => {
        const orderId = orderIdOf(market, order);
        const message = { orderId, worker: worker.address };
        const { keyId, licence } = order;
        return {
          digest: accessDigest(market, { ...message, keyId, licence }),
          signature: await operator.signTypedData({
            domain: marketplaceDomain(market),
            types: TYPES,
            primaryType: 'Assign',
            message,
          }),
        };
      },
      completion: async (order: Order, worker: LocalAccount) => {
        const message: Completion = {
          orderId: orderIdOf(market, order),
          worker: worker.address,
          weightsDigest: randomWord(),
          ciphertextDigest: randomWord(),
        };
        const workerSignature = await worker.signTypedData({
          domain: marketplaceDomain(market),
          types: TYPES,
          primaryType: 'Completion',
          message,
        });
        const { weightsDigest, ciphertextDigest } = message;
        return {
          digest: completionDigest(market, message),
          completion: { worker: worker.address, weightsDigest, ciphertextDigest, workerSignature },
        };
      },
      refusal: async (order: Order, reason: Bytes32) => {
        const message = { orderId: orderIdOf(market, order), reason };
        return {
          digest: refusalDigest(market, message),
          refusal: {
            reason,
            operatorSignature: await operator.signTypedData({
              domain: marketplaceDomain(market),
              types: TYPES,
              primaryType: 'Refusal',
              message,
            }),
          },
        };
      },
    },
  };
}

export type Market = Awaited<ReturnType<typeof startMarket>>;

function networkOf(
  rpcUrl: string,
  contracts: Pick<Network['contracts'], 'marketplace' | 'logAnchor' | 'usdfc' | 'multicall3'>,
  operator: LocalAccount,
  treasury: LocalAccount,
): Network {
  const unused = `0x${'00'.repeat(20)}` as const;
  return {
    version: 1,
    name: 'test',
    chainId: DEVNET_CHAIN_ID,
    rpcUrl,
    apiUrl: 'http://127.0.0.1:1',
    contracts: {
      ...contracts,
      keyNodeStaking: unused,
      pdp: unused,
      fwss: unused,
      fwssView: unused,
      filecoinPay: unused,
      serviceProviderRegistry: unused,
      sessionKeyRegistry: unused,
      endorsements: unused,
    },
    operator: operator.address,
    recorder: operator.address,
    treasury: treasury.address,
    protocolFeeBps: FEE_BPS,
    log: { origin: LOG_ORIGIN, url: 'http://127.0.0.1:1', vkeys: [{ vkey: '', fromSize: 0 }] },
    witnesses: { quorum: 0, members: [] },
    ceramic: { url: 'http://127.0.0.1:1', controller: '', model: '' },
  };
}
