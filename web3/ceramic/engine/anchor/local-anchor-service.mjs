import { AnchorRequestStatusName } from '@ceramicnetwork/common';
import { CARFactory } from 'cartonne';
import * as dagJose from 'dag-jose';
import { buildMerkleTree, copyPath } from './merkle-tree.mjs';

/** The only chain that js-ceramic's `inmemory` network accepts; the notary stands behind it here. */
const CHAIN_ID = 'inmemory:12345';
/** How anchor proofs name their transaction's call; js-ceramic compares it. */
const TX_TYPE = 'f(bytes32)';
const MAX_ATTEMPTS = 5;

const cars = new CARFactory();
cars.codecs.add(dagJose);

/**
 * js-ceramic's `AnchorService` for one offline node: each `intervalMs`, one Merkle tree over all waiting stream tips and
 * one notary statement for its root. Requests are durable in js-ceramic's request store until their anchor commit is
 * applied, and are taken up again after a restart.
 */
export class LocalAnchorService {
  url = '<local-notary>';
  /** streamId -> { streamId, tip, attempts }; a newer tip of a stream replaces an older one. */
  #pending = new Map();
  #notary;
  #logger;
  #intervalMs;
  #requests;
  #handler;
  #timer;
  #flushing = Promise.resolve();

  constructor(notary, logger, intervalMs) {
    this.#notary = notary;
    this.#logger = logger;
    this.#intervalMs = intervalMs;
    this.validator = {
      chainId: CHAIN_ID,
      ethereumRpcEndpoint: null,
      init: async () => {},
      validateChainInclusion: (proof) => notary.validate(proof),
    };
  }

  /** js-ceramic hands its signer to services that authenticate to a remote anchor service; this one is local. */
  set signer(_) {}

  async init(requests, handler) {
    this.#requests = requests;
    this.#handler = handler;
    for await (const page of requests.list()) {
      for (const { key, value } of page) this.#enqueue({ streamId: key, tip: value.cid, attempts: 0 });
    }
    this.#timer = setInterval(() => this.#tick(), this.#intervalMs);
  }

  assertCASAccessible() {}

  async getSupportedChains() {
    return [CHAIN_ID];
  }

  async requestAnchor(streamId, tip) {
    await this.#requests.save(streamId, { cid: tip, timestamp: Date.now() });
    this.#enqueue({ streamId, tip, attempts: 0 });
    return anchorEvent('PENDING', streamId, tip);
  }

  async close() {
    clearInterval(this.#timer);
    await this.#flushing;
    await this.#requests?.close();
  }

  #enqueue(request) {
    this.#pending.set(request.streamId.toString(), request);
  }

  /** One flush at a time: the notary's statements form a chain. */
  #tick() {
    this.#flushing = this.#flushing.then(() => this.#flush()).catch((error) => this.#logger.err(error));
  }

  async #flush() {
    if (this.#pending.size === 0) return;
    const batch = [...this.#pending.values()];
    this.#pending.clear();
    try {
      const anchored = await this.#anchor(batch);
      await Promise.all(batch.map((request, i) => this.#apply(request, anchored.witness(request, i))));
    } catch (error) {
      for (const request of batch) this.#retry(request, error);
    }
  }

  async #anchor(batch) {
    const tree = cars.build();
    const { root, paths } = buildMerkleTree(
      tree,
      batch.map((request) => request.tip),
    );
    const txHash = this.#notary.sign(tree, root, batch.length);
    const proof = tree.put({ chainId: CHAIN_ID, txHash, root, txType: TX_TYPE }, { isRoot: true });
    await this.#notary.commit(tree, txHash);
    const witness = ({ streamId, tip }, i) => {
      const car = cars.build();
      for (const cid of [proof, txHash]) car.blocks.put(tree.blocks.get(cid));
      copyPath(car, tree, root, paths[i]);
      car.put({ id: streamId.cid, prev: tip, proof, path: paths[i] }, { isRoot: true });
      return car;
    };
    return { witness };
  }

  /** Applies the anchor commit; the request is forgotten only afterwards, and only if no newer tip took its place. */
  async #apply(request, witnessCar) {
    const { streamId, tip } = request;
    try {
      await this.#handler.handle(anchorEvent('COMPLETED', streamId, tip, { witnessCar }));
      const stored = await this.#requests.load(streamId);
      if (stored?.cid.equals(tip)) await this.#requests.remove(streamId);
    } catch (error) {
      this.#retry(request, error);
    }
  }

  #retry(request, error) {
    const attempts = request.attempts + 1;
    this.#logger.err(`anchor of ${request.streamId} was not applied (attempt ${attempts}): ${error}`);
    // The durable request stays in any case: the next start of the node tries again.
    if (attempts < MAX_ATTEMPTS && !this.#pending.has(request.streamId.toString())) {
      this.#enqueue({ ...request, attempts });
    }
  }
}

function anchorEvent(status, streamId, cid, extra = {}) {
  return { status: AnchorRequestStatusName[status], streamId, cid, message: status, ...extra };
}
