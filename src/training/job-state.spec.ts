import { describe, expect, it } from 'vitest';
import { assertTransition, isFinal, JOB_STATES, TRANSITIONS, UNFINISHED_STATES, type JobState } from './job-state.js';

describe('job states', () => {
  it('follows the happy path and no shortcut of it', () => {
    const path: JobState[] = ['submitted', 'granting', 'recording', 'training', 'completing', 'settling', 'settled'];
    path.forEach((from, i) => {
      path.forEach((to, j) => {
        if (j === i + 1) expect(() => assertTransition(from, to)).not.toThrow();
        else expect(() => assertTransition(from, to)).toThrow(`a job that is ${from} cannot become ${to}`);
      });
    });
  });

  it('lets nothing out of a final state', () => {
    expect(JOB_STATES.filter(isFinal)).toEqual(['settled', 'refunded']);
    for (const final of ['settled', 'refunded'] as const) {
      for (const to of JOB_STATES) expect(() => assertTransition(final, to)).toThrow();
    }
  });

  it('reaches a final state from everywhere, and never both', () => {
    const reach = (from: JobState, seen = new Set<JobState>()): Set<JobState> => {
      if (!seen.has(from)) for (const to of (seen.add(from), TRANSITIONS[from])) reach(to, seen);
      return seen;
    };
    for (const state of UNFINISHED_STATES) expect([...reach(state)].some(isFinal)).toBe(true);
    expect(reach('refusing').has('settled')).toBe(false);
    expect(reach('settled').has('refunded')).toBe(false);
  });

  it('refuses before weights are logged, never after', () => {
    const mayRefuse = JOB_STATES.filter((state) => TRANSITIONS[state].includes('refusing'));
    expect(mayRefuse).toEqual(['submitted', 'granting', 'recording', 'training']);
  });
});
