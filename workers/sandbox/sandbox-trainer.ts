import { availableParallelism } from 'node:os';
import { isWeighbridgeError, WeighbridgeError } from '../../src/kernel/index.js';
import type { TrainerIdentity } from '../../src/provenance/index.js';
import {
  momentsOf,
  shapesOf,
  totalSteps,
  weighedBytes,
  type TrainInput,
  type TrainOutput,
  type Trainer,
} from '../../src/training/index.js';
import { drawBlueprint } from './box.js';
import { outOfTime, pieceCorrupt, trainerFailed } from './errors.js';
import { gpusOfHost, type GpuChoice } from './find-gpus.js';
import { PipeClosedError, writeJob } from './input-frames.js';
import { Leases } from './leases.js';
import { DEFAULT_LIMITS, type SandboxLimits } from './limits.js';
import { readAnswer, SilentEndError, type Answer, type Expectation } from './output-frames.js';
import { probeBox } from './probe.js';
import { assertRoom, spoolsIn, type SpoolOptions } from './spool.js';
import { startWaitingBox, type WaitingBox } from './waiting-box.js';
import { WarmBoxes } from './warm-boxes.js';

export interface SandboxTrainerOptions {
  /** Virtual environment that `scripts/setup-python.mjs` made. */
  pythonDir: string;
  /** Directory that holds the package `weighbridge_trainer`. */
  trainerDir: string;
  limits?: Partial<SandboxLimits>;
  /** Boxes that are started ahead, before there is a job; default none. With GPUs: one on each, or none. */
  warmBoxes?: number;
  /** GPUs that jobs may have, each one job at a time; default none. */
  gpus?: GpuChoice;
  /** For rows that do not fit memory; default: jobs with such rows are not taken. */
  spool?: SpoolOptions;
  /** Looks out of a box before the first job; `probeBox`, but for tests that start many workers on one host. */
  probe?: typeof probeBox;
}

/** 128 + SIGXCPU: the kernel ended a run that had used up its CPU seconds. */
const CPU_TIME_EXIT = 152;
/**
 * 128 + SIGKILL, and not from us: the kernel ran out of memory. 128 + SIGABRT: the compiler, its threads and C++ itself end so where
 * an allocation meets the limit of the box ("LLVM ERROR: Unable to allocate section memory!").
 */
const OUT_OF_MEMORY_EXITS = [137, 134];

/** A longer timer would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A box that nobody used for so long may be of a trainer that was replaced on disk since. */
const MAX_AGE_MS = 30 * 60_000;

interface Ready {
  limits: SandboxLimits;
  /** The boxes of the processor, which as many jobs share as come, or those of each GPU, which takes one job at a time. */
  devices: Pick<Leases<WarmBoxes>, 'take' | 'give'>;
  identity: TrainerIdentity;
  close(): Promise<void>;
}

/** Trains each job in a box of its own (ARCHITECTURE.md, "Processes"). There is no way to train without one. */
export function createSandboxTrainer(options: SandboxTrainerOptions): Trainer {
  let ready: Promise<Ready> | undefined;
  const prepare = async (): Promise<Ready> => {
    ready ??= prepareBoxes(options);
    try {
      return await ready;
    } catch (error) {
      // The host may be mended while the worker runs.
      ready = undefined;
      throw error;
    }
  };
  return {
    assertAvailable: async () => (await prepare()).identity,
    train: async (input, signal) => trainInBox(await prepare(), input, signal),
    close: async () => (await ready?.catch(() => undefined))?.close(),
  };
}

async function prepareBoxes(options: SandboxTrainerOptions): Promise<Ready> {
  const { pythonDir, trainerDir, spool, warmBoxes = 0, probe = probeBox, gpus: choice = 'none' } = options;
  const gpus = await gpusOfHost(choice, pythonDir);
  const spools = spool === undefined || spool.bytes === 0 ? undefined : await spoolsIn(spool, gpus.length);
  const limits = { ...DEFAULT_LIMITS, ...options.limits, ...(spools === undefined ? {} : { spools }) };
  const count = gpus.length === 0 ? warmBoxes : Math.min(warmBoxes, 1);
  const made = await Promise.all(
    (gpus.length === 0 ? [undefined] : gpus).map(async (gpu) => {
      const blueprint = await drawBlueprint(pythonDir, trainerDir, limits, gpu);
      const identity = await probe(blueprint);
      const start = (): WaitingBox => startWaitingBox(blueprint);
      return { identity, boxes: new WarmBoxes({ count, maxAgeMs: MAX_AGE_MS, start }) };
    }),
  );
  const [first] = made;
  if (first === undefined) throw new Error('a processor or a GPU');
  const all = made.map(({ boxes }) => boxes);
  for (const boxes of all) boxes.refill();
  return {
    limits,
    devices: gpus.length === 0 ? { take: async () => first.boxes, give: () => undefined } : new Leases(all),
    // GPUs of one model, one driver and one environment are of one class.
    identity: first.identity,
    close: async () => void (await Promise.all(all.map(async (boxes) => boxes.close()))),
  };
}

interface Stops {
  /** Whoever asked for the training. */
  signal: AbortSignal;
  /** The job's time. */
  deadline: AbortSignal;
  /** Either of them. */
  stop: AbortSignal;
}

async function trainInBox(
  { limits, devices, identity }: Ready,
  input: TrainInput,
  signal: AbortSignal,
): Promise<TrainOutput> {
  await assertRoom(limits, input);
  const deadline = AbortSignal.timeout(Math.min(Math.ceil(input.timeoutMs), MAX_TIMER_MS));
  const stop = AbortSignal.any([signal, deadline]);
  const boxes = await devices.take(stop).catch(() => {
    throw signal.aborted ? stopped(signal) : outOfTime(`no GPU was free for ${input.timeoutMs} ms`);
  });
  try {
    return { ...(await trainInOne(boxes, input, { signal, deadline, stop })), trainer: identity };
  } finally {
    // Also where no box could be started: a GPU that is not given back serves no job again.
    devices.give(boxes);
  }
}

async function trainInOne(
  boxes: WarmBoxes,
  input: TrainInput,
  { signal, deadline, stop }: Stops,
): Promise<Omit<TrainOutput, 'trainer'>> {
  const expectation = expectationOf(input);
  const ended = new AbortController();
  const taken = boxes.take();
  const { box } = taken;
  stop.addEventListener('abort', box.destroy, { once: true });
  if (stop.aborted) box.destroy();
  try {
    const answer = await converse(taken, input, expectation, AbortSignal.any([stop, ended.signal]));
    // A box that has answered and lingers is ended by the clock, and what it said then came too late.
    stop.throwIfAborted();
    return resultOf(answer);
  } catch (error) {
    if (signal.aborted) throw stopped(signal);
    if (deadline.aborted) throw outOfTime(`training took longer than ${input.timeoutMs} ms`);
    throw error instanceof SilentEndError ? await silentEnd(taken) : error;
  } finally {
    stop.removeEventListener('abort', box.destroy);
    ended.abort();
    box.destroy();
    await box.exited;
    boxes.refill();
  }
}

/** Feeds the box and reads its answer, whichever comes to an end first. */
async function converse(
  { box, limits: { prepareSeconds, rowsBytes }, frames, idle }: WaitingBox,
  input: TrainInput,
  expectation: Expectation,
  signal: AbortSignal,
): Promise<Answer> {
  const cpuSeconds = (input.timeoutMs / 1000) * availableParallelism();
  const feeding = writeJob(box.stdin, input, { cpuSeconds, prepareSeconds, rowsBytes }, signal).catch(
    (error: unknown) => {
      // A box that has refused a model reads no further: then its answer counts, not the broken pipe.
      if (!(error instanceof PipeClosedError)) throw error;
    },
  );
  const answer = idle.then(async () => readAnswer(frames, expectation));
  // If feeding fails, that is thrown; if it ends well, the answer is still to come.
  return Promise.race([answer, feeding.then(async () => answer)]);
}

function expectationOf({ declaration, weights, manifest, onProgress, checkpoints }: TrainInput): Expectation {
  const resultBytes = weighedBytes({ declaration, shapes: shapesOf(weights) });
  return {
    // Room for a tensor too many, so that the gate can say what it kept back; not for more.
    maxResultBytes: 2 * resultBytes + 65_536,
    totalSteps: totalSteps(manifest.rowCount, declaration.batchRows, declaration.epochs),
    moments: momentsOf(declaration),
    onProgress,
    // Weights, and an optimiser's two numbers for each.
    ...(checkpoints === undefined
      ? {}
      : { checkpoints: { maxBytes: 3 * resultBytes + 65_536, keep: checkpoints.keep } }),
  };
}

function resultOf(answer: Answer): Pick<TrainOutput, 'weights' | 'metric' | 'moments' | 'numbers'> {
  if (answer.kind === 'result') {
    const { kind: _kind, ...result } = answer;
    return result;
  }
  if (answer.reason === 'data-corrupt') throw pieceCorrupt();
  throw trainerFailed(answer.reason, `the trainer refused the job: ${answer.reason}`);
}

async function silentEnd({ box, stderrBytes }: WaitingBox): Promise<WeighbridgeError> {
  const exit = await box.exited;
  const code = 'code' in exit ? exit.code : undefined;
  if (code === CPU_TIME_EXIT) return outOfTime('training used up its CPU time');
  const outOfMemory = code !== undefined && OUT_OF_MEMORY_EXITS.includes(code);
  return trainerFailed(outOfMemory ? 'out-of-memory' : 'trainer-failed', 'the trainer ended without an answer', {
    exitCode: code,
    stderrBytes: stderrBytes(),
  });
}

function stopped(signal: AbortSignal): WeighbridgeError {
  if (isWeighbridgeError(signal.reason)) return signal.reason;
  return new WeighbridgeError('UNAVAILABLE', 'training was stopped', {
    next: 'Run the job again from its last state.',
    retryable: true,
  });
}
