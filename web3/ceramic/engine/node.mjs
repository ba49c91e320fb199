import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { LoggerProvider, LogLevel } from '@ceramicnetwork/common';
import { Ceramic } from '@ceramicnetwork/core';
import * as KeyDidResolver from 'key-did-resolver';
import { LocalAnchorService } from './anchor/local-anchor-service.mjs';
import { Notary } from './anchor/notary.mjs';
import { BlockStore } from './block-store.mjs';
import { kuboFacade } from './kubo-facade.mjs';
import { VerifyingDid } from './verifying-did.mjs';

const ANCHOR_INTERVAL_MS = 500;

/**
 * Opens a js-ceramic node over the state in `dir`: the real engine (stream handlers, signatures, conflict rules, state
 * store, anchor loop), with a local block store where it expects Kubo and a local notary where it expects a chain.
 * `_processConfig` and `_init` are private to js-ceramic, so its version is pinned exactly.
 * @returns the node, and `close` that ends it cleanly
 */
export async function openNode(dir) {
  mkdirSync(dir, { recursive: true });
  const store = await BlockStore.open(path.join(dir, 'blocks'));
  const ipfs = kuboFacade(store);
  const [modules, params] = Ceramic._processConfig(ipfs, configuration(dir), {
    cliPackageVersion: 'embedded',
    gitHash: '',
    ceramicOneVersion: '',
  });
  const logger = modules.loggerProvider.getDiagnosticsLogger();
  const notary = await Notary.open(store, path.join(dir, 'notary.pem'));
  modules.anchorService = new LocalAnchorService(notary, logger, ANCHOR_INTERVAL_MS);
  const ceramic = new Ceramic(modules, params);
  ceramic.did = new VerifyingDid({ resolver: KeyDidResolver.getResolver() });
  await ceramic._init(false);
  const close = async () => {
    await ceramic.close();
    await store.close();
  };
  return { ceramic, close };
}

function configuration(dir) {
  return {
    loggerProvider: new LoggerProvider({ logLevel: LogLevel.warn, logToFiles: false }),
    networkName: 'inmemory',
    pubsubTopic: '/ceramic/inmemory-weighbridge',
    stateStoreDirectory: path.join(dir, 'statestore'),
    disablePeerDataSync: true,
    useCentralizedPeerDiscovery: false,
    // js-ceramic wants a database URL here even when its index is off; with `disableComposedb` it never opens it.
    indexing: {
      db: `sqlite://${path.join(dir, 'indexing.sqlite')}`,
      allowQueriesBeforeHistoricalSync: true,
      disableComposedb: true,
      enableHistoricalSync: false,
    },
  };
}
