import { availableParallelism } from 'node:os';
import { MAX_ROWS_BYTES } from '../../src/training/index.js';

/** Where boxes keep sealed rows that their memory has no room for, and how many bytes of them each. */
export interface Spools {
  directory: string;
  bytes: number;
}

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
  /** What rows may take in the memory of a box; more of them are sealed in its spool. */
  rowsBytes: number;
  /** Undefined: this worker takes no job whose rows do not fit memory. */
  spools?: Spools;
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
  rowsBytes: MAX_ROWS_BYTES,
  probeTimeoutMs: 60_000,
};

/** Descriptors; JAX opens about forty. */
export const MAX_OPEN_FILES = 256;
