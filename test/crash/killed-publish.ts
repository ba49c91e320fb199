// A seller's process: `publish` as it is built, with what is outside of it asked for over HTTP, so that it outlives a
// SIGKILL. Node runs this file as it is: of ours it imports types alone, and the rest from the build.
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { privateKeyToAccount } from 'viem/accounts';
import type { MarketApi } from '../../src/cli/api/market-api.js';
import type * as PublishFile from '../../src/cli/publish/publish.js';
import type * as StateFile from '../../src/cli/state/state-dir.js';
import type * as UiFile from '../../src/cli/ui/ui.js';
import type * as Kernel from '../../src/kernel/index.js';
import type * as Sealing from '../../web3/filecoin/sealing/sealing-threads.js';
import type * as Sending from '../../web3/filecoin/store/send-piece.js';
import type { KilledPublish } from './outside-world.js';

const { distDir, worldUrl, dir, stateRoot, key, network, options } = JSON.parse(process.argv[2] ?? '') as KilledPublish;
const built = async (file: string): Promise<unknown> => import(pathToFileURL(path.join(distDir, file)).href);
const { publish } = (await built('src/cli/publish/publish.js')) as typeof PublishFile;
const { findStateDir } = (await built('src/cli/state/state-dir.js')) as typeof StateFile;
const { createUi } = (await built('src/cli/ui/ui.js')) as typeof UiFile;
const { offerToJson, sha256Hex } = (await built('src/kernel/index.js')) as typeof Kernel;
const { SealingThreads } = (await built('web3/filecoin/sealing/sealing-threads.js')) as typeof Sealing;
const { holdsPiece, sendPiece } = (await built('web3/filecoin/store/send-piece.js')) as typeof Sending;

async function ask<T>(route: string, body: unknown): Promise<T> {
  const response = await fetch(new URL(route, worldUrl), { method: 'POST', body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${route}: ${await response.text()}`);
  return (await response.json()) as T;
}

async function notUsed(): Promise<never> {
  throw new Error('not used');
}

const { stdin, stdout, stderr } = process;
stdout.write('begins\n');
const done = await publish(path.join(dir, 'data.csv'), options, {
  ui: createUi({ stdin, stdout, stderr, env: {}, cwd: dir }, true),
  network,
  account: privateKeyToAccount(key),
  state: findStateDir(dir, { WEIGHBRIDGE_STATE: stateRoot }),
  now: () => new Date(),
  api: { listDataset: async (input: unknown) => ask('list-dataset', input) } as unknown as MarketApi,
  adapters: {
    sealingThreads: async () => new SealingThreads(),
    pieceStore: async () => ({
      open: async () => ({
        holds: async (pieceCid) => holdsPiece(worldUrl, pieceCid),
        send: async (...piece) => sendPiece(worldUrl, ...piece),
        commit: async (pieces) => ask('commit', pieces),
      }),
      download: () => {
        throw new Error('a seller never downloads');
      },
    }),
    // Wrapping asks nobody outside for anything that lasts.
    keyWrapper: async () => ({
      wrap: async (dataKey, keyId) => ({
        scheme: 'lit-bls12381-v1',
        ciphertext: 'd3JhcHBlZA==',
        dataToEncryptHash: sha256Hex(dataKey),
        condition: { chainId: network.chainId, marketplace: network.contracts.marketplace, keyId },
      }),
      close: async () => undefined,
    }),
    sellerChain: async () => ({
      listOffer: async (offer) => ask('list-offer', offerToJson(offer)),
      offerOf: notUsed,
      isRevoked: notUsed,
      revoke: notUsed,
      revokeLicence: notUsed,
    }),
    sellerStorage: async () => ({
      ready: async () => undefined,
      prepareRepairs: async () => undefined,
      permitRepairs: async () => [],
      topUp: notUsed,
      settleEnded: notUsed,
      withdraw: notUsed,
      end: notUsed,
    }),
  },
});
stdout.write(`${JSON.stringify(done)}\n`, () => process.exit(0));
