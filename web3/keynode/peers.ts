import type { Logger } from 'pino';
import type { Address } from '../../src/kernel/index.js';
import type { ActiveSet, Member, Staking } from './staking.js';

export interface PeerWatchDeps {
  staking: Staking;
  /** True if the member answers as itself. */
  ping: (member: Member) => Promise<boolean>;
  log: Logger;
  nowMs: () => number;
}

/** Pings in a row that a peer may miss. */
const MISSES_ALLOWED = 3;
/** The contract counts a vote for 60 s and refuses a second one in that time. */
const VOTE_MS = 61_000;
/** After a vote that failed: a peer was faster, or the chain is slow. */
const VOTE_AGAIN_MS = 5_000;
/** A peer that was never seen may be starting at the same time as this node. */
const STARTING_MS = 15_000;

/**
 * Keeps the set of active nodes true: votes against peers that do not answer, and brings this node back when it was
 * voted out. Needed because lit-node-client connects to all listed nodes or to none.
 */
export class PeerWatch {
  readonly #missed = new Map<Address, number>();
  readonly #seen = new Set<Address>();
  readonly #nextVoteMs = new Map<Address, number>();
  readonly #startedMs: number;
  #failing = false;

  constructor(private readonly deps: PeerWatchDeps) {
    this.#startedMs = deps.nowMs();
  }

  /** One look at chain and peers. Never throws: what fails is tried again at the next look. */
  async look(): Promise<void> {
    try {
      const { staking } = this.deps;
      const active = await staking.active();
      const peers = active.nodes.filter(({ address }) => address !== staking.self);
      await Promise.all(peers.map((peer) => this.#count(peer)));
      if (peers.length === active.nodes.length) await this.#join();
      else await this.#kickDead(peers, active);
      this.#failing = false;
    } catch (error) {
      // Once an outage, not once a second of it.
      if (!this.#failing) this.deps.log.warn({ err: error }, 'cannot look after the set of nodes');
      this.#failing = true;
    }
  }

  async #join(): Promise<void> {
    try {
      await this.deps.staking.requestToJoin();
      this.deps.log.info('joined the active nodes');
    } catch (error) {
      // Mostly: too early after the kick. The contract says when; asking each time costs a simulated call.
      this.deps.log.debug({ err: error }, 'cannot join yet');
    }
  }

  async #kickDead(peers: readonly Member[], { nodes, threshold }: ActiveSet): Promise<void> {
    if (nodes.length <= threshold) return; // The contract keeps enough nodes for a release in the view.
    for (const { address } of peers.filter((peer) => this.#isDead(peer.address))) await this.#vote(address);
  }

  async #count(peer: Member): Promise<void> {
    if (await this.deps.ping(peer).catch(() => false)) {
      this.#seen.add(peer.address);
      this.#missed.delete(peer.address);
      this.#nextVoteMs.delete(peer.address);
    } else {
      this.#missed.set(peer.address, (this.#missed.get(peer.address) ?? 0) + 1);
    }
  }

  #isDead(peer: Address): boolean {
    const starting = !this.#seen.has(peer) && this.deps.nowMs() < this.#startedMs + STARTING_MS;
    return !starting && (this.#missed.get(peer) ?? 0) >= MISSES_ALLOWED;
  }

  async #vote(peer: Address): Promise<void> {
    const { log, nowMs, staking } = this.deps;
    if (nowMs() < (this.#nextVoteMs.get(peer) ?? 0)) return;
    this.#nextVoteMs.set(peer, nowMs() + VOTE_AGAIN_MS);
    try {
      await staking.voteToKick(peer);
      this.#nextVoteMs.set(peer, nowMs() + VOTE_MS);
      log.warn({ peer }, 'voted to kick a peer that does not answer');
    } catch (error) {
      log.debug({ peer, err: error }, 'the vote was not taken');
    }
  }
}
