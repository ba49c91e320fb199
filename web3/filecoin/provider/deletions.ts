import { mkdirSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { bytesToHex, hexToBytes } from 'viem';
import type { Network } from '../../../src/kernel/index.js';
import { pdpVerifierAbi } from '../../chain/abi/pdp-verifier.js';
import { pieceCidFromBytes } from '../piece-cid.js';
import type { ChainClient } from './chain-client.js';
import { writeDurably } from './durable-files.js';
import { pieceCidOrRefuse, type PieceFiles } from './piece-files.js';
import type { PieceTrees } from './proving/piece-trees.js';
import { Refusal } from './refusal.js';
import type { TransactionJournal } from './transaction-journal.js';

interface Parts {
  network: Network;
  chain: ChainClient;
  files: PieceFiles;
  trees: PieceTrees;
  journal: TransactionJournal;
  log: (message: string) => void;
}

/**
 * Pieces that their clients want deleted, one small file each. The chain drops a piece when the next proving period begins, and
 * until then it must be proven: its bytes go after that, and only if no other data set of this provider lists the same piece.
 */
export class Deletions {
  private readonly dir: string;
  /** Pieces that are being listed anew: their client was told that the bytes are here. */
  private readonly claimed = new Set<string>();

  constructor(
    dir: string,
    private readonly parts: Parts,
  ) {
    this.dir = path.join(dir, 'deletions');
    mkdirSync(this.dir, { recursive: true });
  }

  /** Returns once it cannot be forgotten. @throws Refusal 404 for a piece that the data set does not have */
  async note(dataSetId: bigint, pieceId: bigint): Promise<void> {
    const args = [dataSetId, pieceId] as const;
    const { data } = await this.parts.chain.reader.readContract({ ...this.pdp, functionName: 'getPieceCid', args });
    const piece = pieceCidFromBytes(hexToBytes(data));
    if (piece === undefined) throw new Refusal(404, 'no such piece in this data set');
    this.claimed.delete(piece.text);
    await writeDurably(path.join(this.dir, `${dataSetId}-${pieceId}.cid`), piece.text);
  }

  /** Keeps the bytes of a piece that is about to be listed. */
  claim(pieceCid: string): void {
    this.claimed.add(pieceCid);
  }

  /** Deletes the bytes of what the chain has dropped. @throws if the chain is away */
  async sweep(): Promise<void> {
    for (const name of await readdir(this.dir)) {
      const [, dataSetId, pieceId] = /^(\d+)-(\d+)\.cid$/.exec(name) ?? [];
      if (dataSetId === undefined || pieceId === undefined || (await this.isLive(dataSetId, pieceId))) continue;
      // A call that was sent before a restart may list the same piece: nothing is claimed any more.
      if (this.parts.journal.pending().length > 0) return;
      const note = path.join(this.dir, name);
      await this.drop(await readFile(note, 'utf8'));
      await rm(note, { force: true });
    }
  }

  private async drop(pieceCid: string): Promise<void> {
    const { files, trees, log } = this.parts;
    if ((await this.isListed(pieceCid)) || this.claimed.has(pieceCid)) return;
    await files.remove(pieceCid);
    await trees.forget(pieceCid);
    log(`piece ${pieceCid} is deleted, as its client asked`);
  }

  private async isLive(dataSetId: string, pieceId: string): Promise<boolean> {
    const args = [BigInt(dataSetId), BigInt(pieceId)] as const;
    return this.parts.chain.reader.readContract({ ...this.pdp, functionName: 'pieceLive', args });
  }

  private async isListed(pieceCid: string): Promise<boolean> {
    const { chain, journal } = this.parts;
    const data = bytesToHex(pieceCidOrRefuse(pieceCid).bytes);
    const found = await chain.reader.multicall({
      allowFailure: false,
      contracts: [...journal.dataSetIds()].map(
        (dataSetId) =>
          ({ ...this.pdp, functionName: 'findPieceIdsByCid', args: [dataSetId, { data }, 0n, 1n] }) as const,
      ),
    });
    return found.some((pieceIds) => pieceIds.length > 0);
  }

  private get pdp() {
    return { address: this.parts.network.contracts.pdp, abi: pdpVerifierAbi } as const;
  }
}
