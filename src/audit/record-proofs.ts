import { Inject, Injectable } from '@nestjs/common';
import { LOG_CLIENT } from '../platform/index.js';
import { batchByRequest } from '../platform/graphql/index.js';
import { parseEntry, proveRecords, type LogClient, type ProvenEntry, type Statement } from '../provenance/index.js';

/** Entries with their proofs, from the log itself: the index is not asked for anything that a reader relies on. */
@Injectable()
export class RecordProofs {
  /** For the rows of a page, under one checkpoint. @throws WeighbridgeError LOG_UNAVAILABLE (retryable), PROOF_INVALID */
  readonly of = batchByRequest<number, ProvenEntry>(async (indices) => {
    const { entries } = await proveRecords(this.log, indices);
    return new Map(entries.map((entry) => [entry.index, entry]));
  });

  constructor(@Inject(LOG_CLIENT) private readonly log: LogClient) {}

  async statementOf(request: object, index: number): Promise<Statement> {
    return parseEntry((await this.proven(request, index)).entry).statement;
  }

  async proven(request: object, index: number): Promise<ProvenEntry> {
    const entry = await this.of(request, index);
    if (entry === undefined) throw new Error(`no proof of ${index} was made`);
    return entry;
  }
}
