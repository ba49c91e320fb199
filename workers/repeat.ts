/** Runs a step now and every so often until it is stopped, which waits for the one in hand. */
export function repeat(
  step: () => Promise<void>,
  everyMs: number,
  onError: (error: unknown) => void,
): { stop(): Promise<void> } {
  let running = step().catch(onError);
  const timer = setInterval(() => {
    running = step().catch(onError);
  }, everyMs);
  return {
    stop: async () => {
      clearInterval(timer);
      await running;
    },
  };
}
