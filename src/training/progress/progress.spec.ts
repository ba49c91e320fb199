import { describe, expect, it } from 'vitest';
import type { Job } from '../job.js';
import { isNews, progressOf, readReport, type Progress } from './progress.js';
import { timeLeftMeter } from './time-left.js';

const at = (state: Progress['state'], step = 0): Progress => ({
  state,
  step,
  of: 20,
  reason: null,
  waitingFor: null,
  secondsLeft: null,
  fetchedBytes: null,
  toFetchBytes: null,
});
const fetching = (fetchedBytes: number, step = 0): Progress => ({
  ...at('training', step),
  fetchedBytes,
  toFetchBytes: 900,
});

describe('the time that is left', () => {
  it('is that of the pace so far, whatever was done before', () => {
    let nowMs = 5_000;
    const left = timeLeftMeter(() => nowMs);
    expect(left(100, 200)).toBeNull();
    expect(left(100, 200)).toBeNull();
    nowMs += 2_000;
    expect(left(120, 200)).toBe(8);
    nowMs += 10_000;
    expect(left(130, 200)).toBe(28);
    expect(left(200, 200)).toBe(0);
  });
});

describe('progress', () => {
  it('goes forward only', () => {
    expect(isNews(undefined, at('submitted'))).toBe(true);
    expect(isNews(at('training', 3), at('training', 4))).toBe(true);
    expect(isNews(at('training', 4), at('completing'))).toBe(true);
    const waiting = { ...at('recording'), waitingFor: 'WITNESSES_MISSING' };
    expect(isNews(at('recording'), waiting)).toBe(true);
    expect(isNews(waiting, waiting)).toBe(false);
    expect(isNews(waiting, at('recording'))).toBe(true);
    expect(isNews(at('training', 4), waiting)).toBe(false);
    expect(isNews(at('training', 4), at('refusing'))).toBe(true);
    expect(isNews(at('settling'), at('refunding'))).toBe(true);
    expect(isNews(at('training', 4), at('training', 4))).toBe(false);
    expect(isNews(at('training', 4), at('training', 3))).toBe(false);
    expect(isNews(at('completing'), at('training', 20))).toBe(false);
    expect(isNews(at('settled'), at('settling'))).toBe(false);
  });

  it('is news of rows that are being fetched, until a step was taken', () => {
    expect(isNews(at('training'), fetching(0))).toBe(true);
    expect(isNews(fetching(300), fetching(301))).toBe(true);
    expect(isNews(fetching(300), fetching(300))).toBe(false);
    expect(isNews(fetching(300), fetching(299))).toBe(false);
    // The row, which knows nothing of bytes, is read in between.
    expect(isNews(fetching(300), at('training'))).toBe(false);
    expect(isNews(fetching(900), at('training', 1))).toBe(true);
    expect(isNews(at('training', 1), fetching(900))).toBe(false);
    // A run that goes on fetches its rows again.
    expect(isNews(at('training', 7), fetching(1, 7))).toBe(true);
  });

  it('has a time left while it trains, and none of what comes after', () => {
    const row = { progressStep: 3, progressOf: 20, reason: null, waitingFor: null, secondsLeft: 40 };
    expect(progressOf({ ...row, state: 'training' } as Job)).toEqual({ ...at('training', 3), secondsLeft: 40 });
    expect(progressOf({ ...row, state: 'completing' } as Job).secondsLeft).toBeNull();
  });

  it('reads reports and nothing else', () => {
    expect(readReport({ state: 'training', step: 3, of: 20, secondsLeft: 7 })?.secondsLeft).toBe(7);
    expect(readReport({ state: 'training', step: 3, of: 20, secondsLeft: 'soon' })?.secondsLeft).toBeNull();
    expect(readReport({ state: 'training', step: 3, of: 20 })).toEqual(at('training', 3));
    expect(readReport({ state: 'training', step: 0, of: 20, fetchedBytes: 5, toFetchBytes: 900 })).toEqual(fetching(5));
    expect(readReport({ state: 'training', step: 0, of: 20, fetchedBytes: '5' })?.fetchedBytes).toBeNull();
    expect(readReport({ state: 'refusing', step: 0, of: 0, reason: 'key-denied' })?.reason).toBe('key-denied');
    expect(readReport({ state: 'recording', step: 0, of: 0, waitingFor: 'WITNESSES_MISSING' })?.waitingFor).toBe(
      'WITNESSES_MISSING',
    );
    for (const bad of [
      null,
      3,
      'training',
      {},
      { state: 'done', step: 1, of: 2 },
      { state: 'training', step: 'x', of: 2 },
    ]) {
      expect(readReport(bad)).toBeUndefined();
    }
  });
});
