import { CID } from 'multiformats/cid';
import { CODECS, codecOf } from './codecs.mjs';
import * as dagCbor from '@ipld/dag-cbor';

const PEER_ID = '12D3KooWEmbeddedLocalBlockstore00000000000000000000';

/**
 * The part of Kubo's RPC client that js-ceramic 6.11 calls, over a local block store. There is no peer: publishing and
 * discovery are empty, and a block that is not here is not found at once instead of after a network time-out.
 */
export function kuboFacade(store) {
  const peer = { toString: () => PEER_ID, toJSON: () => PEER_ID };
  return {
    isOnline: () => true,
    id: async () => ({ id: peer, publicKey: '', addresses: [], agentVersion: 'weighbridge', protocolVersion: 'none' }),
    version: async () => ({ version: '0.0.0-embedded' }),
    config: { get: async () => 'http://127.0.0.1:0' },
    codecs: { listCodecs: () => CODECS, getCodec: async (key) => codecOf(key) },
    dag: dagApi(store),
    block: blockApi(store),
    pin: { add: async (cid) => cid, rm: async (cid) => cid, ls: nothing },
    pubsub: { subscribe: noop, unsubscribe: noop, publish: noop, ls: async () => [], peers: async () => [] },
    swarm: { peers: async () => [], connect: noop },
    stop: noop,
  };
}

function dagApi(store) {
  return {
    put: (node, options = {}) => {
      const name = options.storeCodec ?? options.format;
      return store.putNode(node, name === undefined ? dagCbor : codecOf(name));
    },
    get: async (reference, options) => {
      const { value, remainderPath } = await resolve(store, reference, options);
      return { value, remainderPath };
    },
    resolve: async (reference, options) => {
      const { cid, remainderPath } = await resolve(store, reference, options);
      return { cid, remainderPath };
    },
    import: async function* (car) {
      await store.import(car.blocks);
      for (const root of car.roots) yield { root: { cid: root, pinErrorMsg: '' } };
    },
  };
}

function blockApi(store) {
  return {
    get: (cid) => store.get(asCid(cid)),
    put: (bytes, options = {}) => store.putBytes(bytes, codecOf(options.format ?? 'raw')),
    stat: async (reference) => {
      const cid = asCid(reference);
      return { cid, size: (await store.get(cid)).byteLength };
    },
  };
}

/** Walks `<cid>/<path>` from block to block, as `ipfs dag resolve` does. */
async function resolve(store, reference, options = {}) {
  const [head, ...path] = `${stripScheme(reference)}/${options.path ?? ''}`.split('/').filter(Boolean);
  let cid = CID.parse(head);
  let value = await store.getNode(cid);
  let remainder = [];
  for (const segment of path) {
    const next = value?.[segment];
    if (next === undefined) throw new Error(`no link named ${segment} under ${cid.toString()}`);
    const link = CID.asCID(next);
    if (link === null) {
      value = next;
      remainder.push(segment);
    } else {
      cid = link;
      value = await store.getNode(cid);
      remainder = [];
    }
  }
  return { cid, value, remainderPath: remainder.join('/') };
}

function asCid(reference) {
  return CID.asCID(reference) ?? CID.parse(stripScheme(reference));
}

function stripScheme(reference) {
  return reference.toString().replace(/^\/?ipfs\//, '');
}

async function noop() {}
async function* nothing() {}
