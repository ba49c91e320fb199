import { describe, expect, it } from 'vitest';
import { rateMeter, timeLeft } from './bar.js';

describe('the rate of a transfer', () => {
  it('is that of the last seconds, so that a wait is forgotten', () => {
    let now = 0;
    const meter = rateMeter(() => now);
    expect(meter.rate()).toBe(0);
    meter.add(0);
    now = 60_000; // a long wait
    meter.add(0);
    for (let i = 1; i <= 20; i++) {
      now += 1_000;
      meter.add(i * 100);
    }
    expect(meter.rate()).toBeCloseTo(100);
  });

  it('is told as a time that is left', () => {
    expect([0.2, 59, 60, 3_599, 7_500].map(timeLeft)).toEqual(['1 s', '59 s', '1 min', '1 h 0 min', '2 h 5 min']);
  });
});
