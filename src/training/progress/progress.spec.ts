import { describe, expect, it } from 'vitest';
import { isNews, readReport, type Progress } from './progress.js';

const at = (state: Progress['state'], step = 0): Progress => ({ state, step, of: 20, reason: null, waitingFor: null });

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

  it('reads reports and nothing else', () => {
    expect(readReport({ state: 'training', step: 3, of: 20 })).toEqual(at('training', 3));
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
