/** `callers` loops that each append, wait and append again, until the time is over or there are `count`. @returns rate and latencies in ms */
export async function closedLoop({ callers, append, entry, durationMs, count = Number.POSITIVE_INFINITY }) {
  const latencies = [];
  let begun = 0;
  const from = performance.now();
  const end = from + durationMs;
  const caller = async () => {
    while (performance.now() < end && begun < count) {
      begun++;
      const start = performance.now();
      await append(entry());
      latencies.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return summary(latencies, performance.now() - from);
}

/** `perSecond` appends begin each second, whether or not those before were answered. */
export async function offered({ perSecond, append, entry, durationMs }) {
  const latencies = [];
  const pending = [];
  const from = performance.now();
  let begun = 0;
  while (performance.now() - from < durationMs) {
    const due = ((performance.now() - from) / 1000) * perSecond;
    for (; begun < due; begun++) {
      // From when it was due, not from when this loop came to it: waiting callers count.
      const start = from + (begun / perSecond) * 1000;
      pending.push(append(entry()).then(() => latencies.push(performance.now() - start)));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(pending);
  return summary(latencies, performance.now() - from);
}

/** Percentiles of latencies in ms. */
export function percentiles(latencies) {
  const sorted = Float64Array.from(latencies).sort();
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
}

function summary(latencies, tookMs) {
  return { count: latencies.length, rate: latencies.length / (tookMs / 1000), ...percentiles(latencies) };
}
