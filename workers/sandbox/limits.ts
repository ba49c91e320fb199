import { availableParallelism } from 'node:os';

/** What one box may use. Defaults fit the examples and small hosts; a GPU host raises them. */
export interface SandboxLimits {
  /** RLIMIT_AS of the trainer, bytes; with a GPU RLIMIT_DATA. JAX reserves 1.7 GB of addresses before it does anything. */
  addressSpaceBytes: number;
  /** Size of the only writable directory, in memory. */
  tmpBytes: number;
  /** Threads of a compiled program. Results depend on it, so it is recorded, and a replay is given the same. */
  threads: number;
  /** CPU seconds, of those that a job has, in which the box must have judged, lowered and compiled its model. */
  prepareSeconds: number;
  /** A delegated cgroup v2 to make each box's own in; undefined where the host gives none. */
  cgroupDir?: string;
  /** How long a box may take to start at the worker's start, ms. */
  probeTimeoutMs: number;
}

export const DEFAULT_LIMITS: SandboxLimits = {
  addressSpaceBytes: 8 * 2 ** 30,
  tmpBytes: 64 * 2 ** 20,
  threads: availableParallelism(),
  // A quiet machine needs seconds for an honest model.
  prepareSeconds: 240,
  probeTimeoutMs: 60_000,
};

/** Descriptors; JAX opens about forty. */
export const MAX_OPEN_FILES = 256;
