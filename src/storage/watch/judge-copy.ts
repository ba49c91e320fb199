import type { FaultKind } from '../../provenance/index.js';
import type { CopyState } from '../copies.js';

/** Looks in a row without an answer, after which a provider counts as dead: a restart is no fault. */
export const SILENT_LOOKS = 2;

/** What was seen of a copy in one look. */
export interface Look {
  state: Pick<CopyState, 'faultPeriods' | 'overduePeriods'>;
  presence: 'held' | 'missing' | 'silent';
  sample: 'good' | 'corrupt' | 'silent';
  /** From the looks before. */
  before: { silent: number; faultPeriods: number; fault: string | null };
}

export interface Judgement {
  fault: FaultKind | null;
  /** Periods without a proof, as far back as the chain was read. */
  faultPeriods: number;
  silent: number;
  /** Whether the copy cannot be counted on: another one must be made. */
  lost: boolean;
}

/**
 * What a look means. A copy that is not there or not the right one is lost at once; a provider that is silent is given another
 * look; a missed proof is a fault, and two of them a lost copy, whatever the provider says.
 */
export function judgeCopy({ state, presence, sample, before }: Look): Judgement {
  // A period that is overdue now is on record later: the sum does not count it twice.
  const faultPeriods = state.faultPeriods + state.overduePeriods;
  const missed = faultPeriods - before.faultPeriods;
  const isSilent = presence === 'silent' || sample === 'silent';
  const silent = isSilent ? before.silent + 1 : 0;
  const known = { faultPeriods, silent };
  if (presence === 'missing') return { ...known, fault: 'piece-missing', lost: true };
  if (sample === 'corrupt') return { ...known, fault: 'piece-corrupt', lost: true };
  if (silent >= SILENT_LOOKS) return { ...known, fault: 'unreachable', lost: true };
  if (missed > 0) return { ...known, fault: 'missed-proof', lost: missed > 1 || state.overduePeriods > 1 };
  // Once lost, a copy that comes back is welcome, and its fault is over; a first silence leaves things as they were.
  if (isSilent) return { ...known, fault: before.fault as FaultKind | null, lost: false };
  return { ...known, fault: null, lost: false };
}
