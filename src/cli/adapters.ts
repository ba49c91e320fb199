import { existsSync } from 'node:fs';
import path from 'node:path';
import type { PublicClient } from 'viem';
import type { Hex, Network } from '../kernel/index.js';
import type { Adapters } from './ports.js';

const RPC_TIMEOUT_MS = 10_000;

/** The real networks. Each SDK is imported when a command first needs it. */
export const adapters: Adapters = {
  sealingThreads: async () => {
    const { SealingThreads } = await import('../../web3/filecoin/sealing/sealing-threads.js');
    return new SealingThreads();
  },
  pieceStore: async (network, account, dataset, time) => {
    const { createPieceStore } = await import('../../web3/filecoin/piece-store.js');
    return createPieceStore({ network, account, dataset, time });
  },
  pieceParts: async (network) => {
    const { createPieceStore } = await import('../../web3/filecoin/piece-store.js');
    return createPieceStore({ network });
  },
  pieceReader: async (network) => {
    const { createPieceStore } = await import('../../web3/filecoin/piece-store.js');
    return createPieceStore({ network });
  },
  storageNetwork: async (network) => {
    const { createStorageNetwork } = await import('../../web3/filecoin/storage-network.js');
    return createStorageNetwork({ network });
  },
  sellerStorage: async (network, account) => {
    const { createSellerStorage } = await import('../../web3/filecoin/seller-storage.js');
    return createSellerStorage({ network, account });
  },
  keyWrapper: async (network) => {
    const { wrapInThread } = await import('../../web3/lit/wrap-in-thread.js');
    return wrapInThread(network);
  },
  sellerChain: async (network, account) => {
    const { createSellerChain } = await import('../../web3/chain/seller-chain.js');
    return createSellerChain({ network, account });
  },
  buyerChain: async (network, account) => {
    const { createBuyerChain } = await import('../../web3/chain/buyer-chain.js');
    return createBuyerChain({ network, account });
  },
  chainReader: async (network) => {
    const { createChainReader } = await import('../../web3/chain/chain-reader.js');
    return {
      ...createChainReader({ network }),
      transaction: async (hash) => rpc(network, async (client) => transactionOf(client, hash)),
    };
  },
  nativeBalance: async (network, address) => rpc(network, async (client) => client.getBalance({ address })),
  ceramic: async ({ ceramic: { url, controller, model } }) => {
    const { createRecordStreams } = await import('../../web3/ceramic/record-streams.js');
    return createRecordStreams({ url, controller, model });
  },
  modelChecker: async () => {
    const { estimateModel } = await import('../../workers/estimate/estimate-model.js');
    return { estimate: async (model, rowCount) => estimateModel(packageRoot(), model, rowCount) };
  },
  trainer: async ({ threads, device }) => {
    const { createSandboxTrainer } = await import('../../workers/sandbox/index.js');
    const pythonDir = path.join(packageRoot(), '.weighbridge/python/trainer');
    const trainerDir = path.join(packageRoot(), 'workers/trainer/src');
    // A disk, mostly; /tmp is often memory.
    const spool = { directory: process.env['TMPDIR'] ?? '/var/tmp', jobs: 1 };
    const gpus = device.startsWith('gpu ') ? 'auto' : 'none';
    return createSandboxTrainer({ pythonDir, trainerDir, limits: { threads }, gpus, spool });
  },
};

/** Where this package lies: the built CLI is in its `dist`, TypeScript beside its `package.json`. */
function packageRoot(): string {
  let dir = import.meta.dirname;
  while (!existsSync(path.join(dir, 'package.json')) && dir !== path.dirname(dir)) dir = path.dirname(dir);
  return dir;
}

/** What the commands ask of the chain itself, not of our contracts. */
async function rpc<T>({ rpcUrl }: Network, ask: (client: PublicClient) => Promise<T>): Promise<T> {
  const [{ createPublicClient, http }, { WeighbridgeError }] = await Promise.all([
    import('viem'),
    import('../kernel/index.js'),
  ]);
  try {
    return await ask(createPublicClient({ transport: http(rpcUrl, { timeout: RPC_TIMEOUT_MS, retryCount: 2 }) }));
  } catch (error) {
    throw new WeighbridgeError('CHAIN_UNAVAILABLE', `the chain at ${new URL(rpcUrl).origin} did not answer`, {
      next: 'Check that the node runs, then run the same command again.',
      retryable: true,
      cause: error,
    });
  }
}

async function transactionOf(
  client: PublicClient,
  hash: Hex,
): Promise<{ succeeded: boolean; to: Hex | null } | undefined> {
  const { TransactionReceiptNotFoundError } = await import('viem');
  try {
    const { status, to } = await client.getTransactionReceipt({ hash });
    return { succeeded: status === 'success', to };
  } catch (error) {
    if (error instanceof TransactionReceiptNotFoundError) return undefined;
    throw error;
  }
}
