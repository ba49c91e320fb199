import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer, text } from 'node:stream/consumers';
import type { Manifest } from '../../src/catalog/manifest.js';
import type { PublishOptions } from '../../src/cli/publish/plan.js';
import { jsonDigest, type Bytes32, type Hex, type Network, type OfferJson } from '../../src/kernel/index.js';
import type { StoredPiece } from '../../src/storage/index.js';
import { PieceHasher } from '../../web3/filecoin/commp.js';

/** What a seller's process is told. */
export interface KilledPublish {
  distDir: string;
  worldUrl: string;
  dir: string;
  stateRoot: string;
  key: Hex;
  network: Network;
  options: PublishOptions;
}

export interface Listing {
  manifest: Manifest;
  offer: OfferJson;
}

/**
 * A storage provider, a chain and a marketplace, as far as a publish sees them, in the test's own process. They take what
 * arrives whole, whoever has died meanwhile, and answer a repeat as the real ones do: they do it once.
 */
export class OutsideWorld {
  /** Names of the pieces, as often as each was taken. */
  readonly taken: string[] = [];
  /** What is paid for. */
  readonly onChain: string[] = [];
  readonly offers: OfferJson[] = [];
  readonly listings: Listing[] = [];
  private readonly uploads = new Map<string, Buffer>();
  private readonly inHand = new Set<Promise<unknown>>();
  private readonly server = createServer((request, response) => {
    const answered = this.answer(request, response)
      .catch(() => response.destroy()) // the seller was killed while it spoke
      .finally(() => this.inHand.delete(answered));
    this.inHand.add(answered);
  });

  /** @param pause - before each effect, and again before its answer: moments to be killed in */
  constructor(private readonly pause: () => Promise<void>) {}

  async start(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    const address = this.server.address();
    if (address === null || typeof address === 'string') throw new Error('the world has no port');
    return `http://127.0.0.1:${address.port}/`;
  }

  /** Waits until what arrived is done. */
  async settled(): Promise<void> {
    await Promise.all(this.inHand);
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://world');
    const upload = /^\/pdp\/piece\/uploads\/(.+)$/.exec(pathname)?.[1];
    if (pathname === '/pdp/piece') {
      request.resume();
      response.writeHead(this.taken.includes(searchParams.get('pieceCid') ?? '') ? 200 : 404).end();
    } else if (pathname === '/pdp/piece/uploads') {
      request.resume();
      response.writeHead(201, { location: `/pdp/piece/uploads/${randomUUID()}` }).end();
    } else if (upload !== undefined && request.method === 'PUT') {
      this.uploads.set(upload, await buffer(request));
      response.writeHead(204).end();
    } else {
      const body: unknown = JSON.parse(await text(request));
      await this.pause();
      const [status, answer] = upload === undefined ? this.act(pathname, body) : this.take(upload, body);
      await this.pause();
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    }
  }

  /** As a provider: the bytes of a session are the piece that they are said to be, or are not kept. */
  private take(upload: string, body: unknown): [number, unknown] {
    const { pieceCid } = body as { pieceCid: string };
    const bytes = this.uploads.get(upload) ?? Buffer.alloc(0);
    this.uploads.delete(upload);
    if (new PieceHasher().write(bytes).digest() !== pieceCid) return [400, 'piece CID mismatch'];
    this.taken.push(pieceCid);
    return [200, {}];
  }

  private act(route: string, body: unknown): [number, unknown] {
    if (route === '/commit') {
      const cids = (body as StoredPiece[]).map(({ pieceCid }) => pieceCid);
      if (!cids.every((cid) => this.taken.includes(cid))) return [409, 'no provider holds it'];
      this.onChain.push(...cids.filter((cid) => !this.onChain.includes(cid)));
      return [200, [1, 2].map((id) => ({ providerId: id, dataSetId: id }))];
    }
    if (route === '/list-offer') {
      const offer = body as OfferJson;
      if (!this.offers.some((one) => jsonDigest(one) === jsonDigest(offer))) this.offers.push(offer);
      return [200, `0x${'ab'.repeat(32)}` satisfies Hex];
    }
    if (route === '/list-dataset') {
      const listing = body as Listing;
      if (!this.listings.some((one) => jsonDigest(one) === jsonDigest(listing))) this.listings.push(listing);
      return [200, { id: listing.manifest.keyId satisfies Bytes32, logIndex: this.listings.length - 1 }];
    }
    return [404, 'no such route'];
  }
}
