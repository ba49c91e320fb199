import { describe, expect, it } from 'vitest';
import { WeighbridgeError, type ErrorCode, type Hex } from '../../src/kernel/index.js';
import { once } from './once.js';

const failure = (code: ErrorCode) => new WeighbridgeError(code, 'failed', { next: 'Nothing.' });

/** A chain on which the step is done once `act` got that far, and an `act` that may fail before or after. */
function stepThat(act: (markDone: () => void) => Hex, doneBefore = false, earlier: Hex | undefined = '0xee') {
  let done = doneBefore;
  let acted = 0;
  return {
    acted: () => acted,
    step: {
      done: async () => done,
      earlier: async () => earlier,
      act: async () => {
        acted += 1;
        return act(() => (done = true));
      },
    },
  };
}

describe('once', () => {
  it('acts when it is not done', async () => {
    const { step, acted } = stepThat(() => '0xaa');
    expect(await once(step)).toBe('0xaa');
    expect(acted()).toBe(1);
  });

  it('answers with the earlier transaction and does not act again', async () => {
    const { step, acted } = stepThat(() => '0xaa', true);
    expect(await once(step)).toBe('0xee');
    expect(acted()).toBe(0);
  });

  it('answers with the transaction of whoever was faster', async () => {
    const { step } = stepThat((markDone) => {
      markDone();
      throw failure('TRANSACTION_REVERTED');
    });
    expect(await once(step)).toBe('0xee');
  });

  it('passes a refusal on when nothing was done', async () => {
    const { step } = stepThat(() => {
      throw failure('TRANSACTION_REVERTED');
    });
    await expect(once(step)).rejects.toMatchObject({ code: 'TRANSACTION_REVERTED' });
  });

  it('passes on that the node is down, without asking it again', async () => {
    const { step } = stepThat((markDone) => {
      markDone();
      throw failure('CHAIN_UNAVAILABLE');
    });
    await expect(once(step)).rejects.toMatchObject({ code: 'CHAIN_UNAVAILABLE' });
  });

  it('is retryable when the node knows the state but not the event', async () => {
    const { step } = stepThat(() => '0xaa', true, undefined);
    await expect(once({ ...step, earlier: async () => undefined })).rejects.toMatchObject({ retryable: true });
  });
});
