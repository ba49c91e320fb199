import { describe, expect, it, vi } from 'vitest';
import type { WaitingBox } from './waiting-box.js';
import { WarmBoxes } from './warm-boxes.js';

// Faked: the boxes, which are processes; test/medium/sandbox.spec.ts has real ones.
interface FakeBox extends WaitingBox {
  end(): void;
  destroyed: boolean;
}

function world(count: number, maxAgeMs = 60_000) {
  const started: FakeBox[] = [];
  const start = (): FakeBox => {
    let end: () => void = () => undefined;
    const exited = new Promise<{ code: number }>((resolve) => (end = () => resolve({ code: 0 })));
    const fake = {
      box: { exited, destroy: () => ((fake.destroyed = true), end()) },
      destroyed: false,
      end,
    } as unknown as FakeBox;
    started.push(fake);
    return fake;
  };
  return { boxes: new WarmBoxes({ count, maxAgeMs, start }), started };
}

describe('boxes that wait for jobs', () => {
  it('are as many as were asked for, each given out once, and replaced after it was used', () => {
    const { boxes, started } = world(2);
    boxes.refill();
    boxes.refill();
    expect(started).toHaveLength(2);
    const [first, second] = [boxes.take(), boxes.take()];
    expect([first, second]).toEqual(started);
    expect(first).not.toBe(second);
    // Not while a job runs: it needs the cores.
    expect(started).toHaveLength(2);
    boxes.refill();
    expect(started).toHaveLength(4);
    expect([first, second]).not.toContain(boxes.take());
  });

  it('are started with the job where none waits', () => {
    const { boxes, started } = world(0);
    boxes.refill();
    expect(started).toHaveLength(0);
    expect(boxes.take()).toBe(started[0]);
  });

  it('are not given out once they have ended', async () => {
    const { boxes, started } = world(1);
    boxes.refill();
    started[0]?.end();
    await Promise.resolve();
    expect(boxes.take()).toBe(started[1]);
  });

  it('are destroyed and replaced when they are old; one that a job has is not', async () => {
    vi.useFakeTimers();
    try {
      const { boxes, started } = world(2, 1_000);
      boxes.refill();
      const taken = boxes.take() as FakeBox;
      await vi.advanceTimersByTimeAsync(1_001);
      expect(taken.destroyed).toBe(false);
      expect(started.map(({ destroyed }) => destroyed)).toEqual([false, true, false, false]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('end with the worker, and no more are started', async () => {
    const { boxes, started } = world(2);
    boxes.refill();
    await boxes.close();
    boxes.refill();
    expect(started.map(({ destroyed }) => destroyed)).toEqual([true, true]);
  });
});
