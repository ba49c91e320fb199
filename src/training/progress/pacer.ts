/** Watchers hear of progress at most so often, whatever a sandbox or a provider sends. */
const PROGRESS_EVERY_MS = 250;

/** @returns whether it is time to tell of so much done: four times a second, and always when all of it is */
export function progressPacer(nowMs: () => number = () => performance.now()): (done: number, of: number) => boolean {
  let lastMs = -Infinity;
  return (done, of) => {
    if (done !== of && nowMs() - lastMs < PROGRESS_EVERY_MS) return false;
    lastMs = nowMs();
    return true;
  };
}
