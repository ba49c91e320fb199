import { randomUUID } from 'node:crypto';
import { hexToString } from 'viem';
import { serviceProviderRegistryAbi } from '../../chain/abi/service-provider-registry.js';
import { openGet } from '../store/provider-http.js';
import type { Address, Hex } from '../../../src/kernel/index.js';
import type { ChainClient } from './chain-client.js';
import { pieceCidOrRefuse, type PieceFiles } from './piece-files.js';
import { Refusal } from './refusal.js';

export interface PullPiece {
  pieceCid: string;
  /** Where another provider serves the piece. */
  sourceUrl: string;
}

export type PullStatus = 'pending' | 'inProgress' | 'retrying' | 'complete' | 'failed';

const PDP_PRODUCT = 0;
const MAX_PROVIDERS = 100n;
const ATTEMPTS = 3;
const MAX_PULLS = 1_000;
const CONNECT_MS = 30_000;
const STALL_MS = 30_000;
/** While one piece is synced to the disk, the next one comes. */
const PIECES_AT_ONCE = 2;
/** From the best to the worst: a pull is as far as its worst piece. */
const STATUSES: PullStatus[] = ['complete', 'pending', 'inProgress', 'retrying', 'failed'];

/** Copies of pieces that this provider fetches from another one. A repeated request tells how far the first one is. */
export class Pulls {
  private readonly pulls = new Map<string, Map<string, PullStatus>>();

  constructor(
    private readonly chain: ChainClient,
    private readonly registry: Address,
    private readonly files: PieceFiles,
  ) {}

  /** @throws Refusal 400 for a source that is no registered provider's */
  async status(key: string, pieces: PullPiece[]): Promise<{ status: PullStatus; pieces: object[] }> {
    const statuses = this.pulls.get(key) ?? (await this.start(key, pieces));
    const worst = Math.max(...[...statuses.values()].map((status) => STATUSES.indexOf(status)));
    return {
      status: STATUSES[worst] ?? 'pending',
      pieces: [...statuses].map(([pieceCid, status]) => ({ pieceCid, status })),
    };
  }

  private async start(key: string, pieces: PullPiece[]): Promise<Map<string, PullStatus>> {
    await this.requireProviders(pieces);
    const [oldest] = this.pulls.keys();
    if (oldest !== undefined && this.pulls.size >= MAX_PULLS) this.pulls.delete(oldest); // its pieces are found by CID
    const statuses = new Map<string, PullStatus>(pieces.map(({ pieceCid }) => [pieceCid, 'pending']));
    this.pulls.set(key, statuses);
    void this.run(pieces, statuses);
    return statuses;
  }

  private async run(pieces: PullPiece[], statuses: Map<string, PullStatus>): Promise<void> {
    const waiting = [...pieces];
    const pullRest = async (): Promise<void> => {
      for (let piece = waiting.shift(); piece !== undefined; piece = waiting.shift()) await this.pull(piece, statuses);
    };
    await Promise.all(Array.from({ length: PIECES_AT_ONCE }, pullRest));
  }

  private async pull(piece: PullPiece, statuses: Map<string, PullStatus>): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS && statuses.get(piece.pieceCid) !== 'complete'; attempt++) {
      statuses.set(piece.pieceCid, attempt === 0 ? 'inProgress' : 'retrying');
      if (await this.fetchPiece(piece).catch(() => false)) statuses.set(piece.pieceCid, 'complete');
    }
    if (statuses.get(piece.pieceCid) !== 'complete') statuses.set(piece.pieceCid, 'failed');
  }

  private async fetchPiece({ pieceCid, sourceUrl }: PullPiece): Promise<boolean> {
    if (await this.files.find(pieceCid)) return true;
    // `fetch` would pass every byte through two web streams. A redirect is no piece: nobody is sent elsewhere.
    const body = await openGet(sourceUrl, {}, CONNECT_MS, undefined);
    try {
      if (body.statusCode !== 200) return false;
      body.setTimeout(STALL_MS, () => body.destroy(new DOMException('the provider stalls', 'TimeoutError')));
      const piece = await this.files.receive(randomUUID(), body);
      if (piece.pieceCid === pieceCid) await this.files.keep(piece);
      else await this.files.drop(piece);
      return piece.pieceCid === pieceCid;
    } finally {
      body.destroy();
    }
  }

  /** Only from registered providers: or anyone could have this process read addresses that only it can reach. */
  private async requireProviders(pieces: PullPiece[]): Promise<void> {
    const { providers } = await this.chain.reader.readContract({
      address: this.registry,
      abi: serviceProviderRegistryAbi,
      functionName: 'getProvidersByProductType',
      args: [PDP_PRODUCT, true, 0n, MAX_PROVIDERS],
    });
    const bases = providers.map(({ product, productCapabilityValues }) =>
      textOf(productCapabilityValues[product.capabilityKeys.indexOf('serviceURL')]),
    );
    for (const { pieceCid, sourceUrl } of pieces) {
      const path = `piece/${pieceCidOrRefuse(pieceCid).text}`;
      const known = bases.some((base) => URL.canParse(path, base) && new URL(path, base).href === sourceUrl);
      if (!known) throw new Refusal(400, `no registered provider serves ${pieceCid} at this source`);
    }
  }
}

function textOf(value: Hex | undefined): string {
  return value === undefined ? '' : hexToString(value);
}
