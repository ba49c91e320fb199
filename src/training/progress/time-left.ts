/**
 * How long the rest of a run takes at its pace so far: of the worker, which sees every step, for everybody who watches.
 * @returns whole seconds; null until two moments were seen
 */
export function timeLeftMeter(
  nowMs: () => number = () => performance.now(),
): (step: number, of: number) => number | null {
  let first: { step: number; atMs: number } | undefined;
  return (step, of) => {
    const atMs = nowMs();
    first ??= { step, atMs };
    const steps = step - first.step;
    if (steps <= 0) return null;
    return Math.ceil(((of - step) * (atMs - first.atMs)) / steps / 1_000);
  };
}
