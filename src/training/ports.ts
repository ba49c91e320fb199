import type { Manifest } from '../catalog/manifest.js';
import type { TrainerIdentity } from '../provenance/statements.js';
import type { VerifiedParts } from '../storage/index.js';
import type { MeasuredMetric } from './metric.js';
import type { ModelDeclaration } from './model-declaration.js';

export interface TrainInput {
  manifest: Manifest;
  declaration: ModelDeclaration;
  graph: Uint8Array;
  weights: Uint8Array;
  /** The `tokenizer.json` files that the declaration's features name, in the order of `tokenizersOf`. */
  tokenizers: Uint8Array[];
  /**
   * Asks for the data key, 32 bytes. Called once, beside the preparation of the model, which takes as long as the chain's
   * finality; what it gives goes down the pipe and is overwritten with zeros at once. The signal says that nobody waits.
   */
  openKey(signal: AbortSignal): Promise<Uint8Array>;
  /** Of a private run: the secret of its sampling and noise, 32 bytes, overwritten like the key. */
  seed?: Uint8Array;
  /** Of a long run; left out, it is run from its beginning and nothing of it is kept. */
  checkpoints?: Checkpoints;
  /** Ciphertext of the pieces that the run reads, streamed: the manifest's first ones, in its order. */
  pieces: ((signal: AbortSignal) => AsyncIterable<Uint8Array>)[];
  /** Where frames of the same pieces come from by themselves, for a run that reads few columns; left out, each piece is read whole. */
  parts?: VerifiedParts;
  /** Wall-clock limit of the whole run. */
  timeoutMs: number;
  onProgress(step: number, of: number): void;
}

/** What a run's state is, as the box gives and takes it: in the clear, so it is sealed before it lies anywhere. */
export interface Checkpoints {
  everyMs: number;
  /** Where to go on; overwritten once the box has it. */
  begin?: Uint8Array;
  /** Called with the state after so many steps, which is overwritten afterwards; the box waits. MUST NOT throw for a full disk. */
  keep(state: Uint8Array, step: number): Promise<void>;
}

export interface TrainOutput {
  /** What came out of the sandbox, unweighed: hostile until the egress gate has passed it. */
  weights: Uint8Array;
  numbers: { epochs: number; rows: number };
  trainer: TrainerIdentity;
  /** The noised number that the declaration buys; hostile as well. */
  metric?: MeasuredMetric;
  /** The noised sums that columns were standardised by (moments.ts); hostile as well. */
  moments?: readonly bigint[];
}

/**
 * Trains one job in a sandbox without a network. Ciphertext and key go in through a pipe; frames come out; nothing touches
 * a disk. One sandbox serves one job and is destroyed, also if it was started before there was one.
 * @throws WeighbridgeError SANDBOX_UNAVAILABLE, TRAINER_FAILED with `details.reason` a RefusalReason, PIECE_CORRUPT,
 *   PROVIDER_DOWN, TIMEOUT
 */
export interface Trainer {
  /** Refuses at start, never at the first job. @returns what a run here would be recorded with */
  assertAvailable(): Promise<TrainerIdentity>;
  train(input: TrainInput, signal: AbortSignal): Promise<TrainOutput>;
  /** Ends what waits for jobs. */
  close(): Promise<void>;
}
