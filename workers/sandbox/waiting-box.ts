import { startBox, type Blueprint, type Box } from './box.js';
import type { SandboxLimits } from './limits.js';
import { FrameReader, readIdle } from './output-frames.js';

const MODULE = 'weighbridge_trainer';

/** A box with the trainer in it and no job: interpreter up, JAX imported, seccomp on. It takes one job, and is destroyed. */
export interface WaitingBox {
  box: Box;
  limits: SandboxLimits;
  /** What it says from now on. */
  frames: FrameReader;
  /** Resolves when it waits for a job. @throws WeighbridgeError TRAINER_FAILED; SilentEndError */
  idle: Promise<void>;
  /** Bytes that it wrote on stderr; they are counted and dropped. */
  stderrBytes(): number;
}

export function startWaitingBox(blueprint: Blueprint): WaitingBox {
  const box = startBox(blueprint, MODULE);
  // Libraries may say what they like, and it could be of rows.
  let stderrBytes = 0;
  box.stderr.on('data', (chunk: Buffer) => (stderrBytes += chunk.length));
  const frames = new FrameReader(box.stdout);
  const idle = readIdle(frames);
  // Whoever gives it a job hears of the fault; a box that ends unused is nobody's.
  idle.catch(() => undefined);
  return { box, limits: blueprint.limits, frames, idle, stderrBytes: () => stderrBytes };
}
