import type { Position } from '../../provenance/index.js';

/**
 * The numbers and digests that a dataset's records carry, held against each other in the order of the log: every record up to
 * the checkpoint is there if they run from 1 without a gap, each with the digest of the one before.
 */
export class Completeness {
  /** Number to the log index that has it. */
  private readonly seen = new Map<number, number>();
  private last = { sequence: 0, leafHash: null as string | null };

  /** How many follow one another without a fault, from the first. */
  unbroken = 0;

  /** Notes one record. @returns what is missing, doubled or forked before it */
  take({ sequence, previous }: Position, index: number, leafHash: string): string[] {
    const problem = this.problemOf(sequence, previous);
    if (problem === undefined && this.unbroken === sequence - 1) this.unbroken = sequence;
    if (!this.seen.has(sequence)) this.seen.set(sequence, index);
    if (sequence > this.last.sequence) this.last = { sequence, leafHash };
    return problem === undefined ? [] : [problem];
  }

  private problemOf(sequence: number, previous: string | null): string | undefined {
    const { last } = this;
    const twin = this.seen.get(sequence);
    if (twin !== undefined) return `a second record ${sequence} of this dataset: entry ${twin} has that number`;
    if (sequence <= last.sequence) return `record ${sequence} of this dataset comes after record ${last.sequence}`;
    if (sequence > last.sequence + 1)
      return `${missing(last.sequence + 1, sequence - 1)} of this dataset missing before it`;
    if (previous !== last.leafHash) return `it follows another record ${last.sequence} than the one in the log`;
    return undefined;
  }
}

function missing(from: number, to: number): string {
  return from === to ? `record ${from}` : `records ${from} to ${to}`;
}
