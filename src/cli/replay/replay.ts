import { heldOutRows } from '../../catalog/manifest.js';
import type { Network } from '../../kernel/index.js';
import type { TrainerIdentity } from '../../provenance/index.js';
import {
  countedPieces,
  piecesRead,
  privacySeed,
  seedCommitmentOf,
  shapesOf,
  tokenizersOf,
  weigh,
  workerAccount,
  type Trainer,
} from '../../training/models.js';
import type { MarketApi } from '../api/market-api.js';
import { checkSigned } from '../browse/check-dataset.js';
import type { Adapters, PieceReader } from '../ports.js';
import type { Ui } from '../ui/ui.js';
import { loggedRun, type LoggedRun } from './logged-run.js';
import { ownRows } from './own-rows.js';
import { replayRefused } from './refused.js';

/** A run that takes longer is ended: a replay has no deadline of its own. */
const TIMEOUT_MS = 24 * 3_600_000;

export interface ReplayDeps {
  ui: Pick<Ui, 'note' | 'bar'>;
  network: Network;
  api: Pick<MarketApi, 'job' | 'receipt' | 'dataset' | 'getBlob'>;
  pieces: PieceReader;
  trainer: Adapters['trainer'];
  /** 32 bytes each. */
  workerSeed: Uint8Array;
  shardSecret(seller: string): Promise<Uint8Array>;
}

export interface Replayed {
  orderId: string;
  /** Whether they are the same. */
  same: boolean;
  weightsDigest: string;
  loggedDigest: string;
  trainer: TrainerIdentity;
}

/**
 * Trains a settled job again and compares the digest of the weights with the logged one. Whatever could make another digest
 * without anybody's fault is refused first.
 * @throws WeighbridgeError JOB_NOT_FOUND, JOB_STATE, RECEIPT_INVALID, REPLAY_REFUSED, and what a run throws
 */
export async function replay(id: string, deps: ReplayDeps): Promise<Replayed> {
  const { ui, api, network, workerSeed } = deps;
  const run = await loggedRun(api, network, id);
  assertSeed(run, workerSeed);
  const trainer = await deps.trainer(run.trainer);
  assertSameEngine(run.trainer, await trainer.assertAvailable());
  ui.note(
    `training job ${run.orderId.slice(0, 10)} again, with ${run.trainer.threads} threads of ${run.trainer.device}`,
  );
  const weightsDigest = await trainAgain(run, trainer, deps);
  const { orderId, weightsDigest: loggedDigest } = run;
  return { orderId, same: weightsDigest === loggedDigest, weightsDigest, loggedDigest, trainer: run.trainer };
}

/** The seed is the right one if the job's worker, and the commitment of what a private run drew, follow from it. */
function assertSeed({ orderId, worker, seedCommitment }: LoggedRun, workerSeed: Uint8Array): void {
  const isWorkers = workerAccount(workerSeed, orderId).address.toLowerCase() === worker.toLowerCase();
  const isRuns = seedCommitment === null || seedCommitmentOf(workerSeed, orderId) === seedCommitment;
  if (isWorkers && isRuns) return;
  throw replayRefused(
    'the seed is not that of the worker that trained it',
    'Name the seed file of that worker with --worker-seed-file.',
    { worker },
  );
}

function assertSameEngine(logged: TrainerIdentity, here: TrainerIdentity): void {
  const differing = (Object.keys(logged) as (keyof TrainerIdentity)[]).filter((name) => logged[name] !== here[name]);
  if (differing.length === 0) return;
  const told = differing.map((name) => `${name} ${logged[name]} there, ${here[name]} here`);
  throw replayRefused(
    `another engine may round otherwise (${told.join('; ')})`,
    'Replay it with the versions and on the processor class that the record names.',
    { logged, here },
  );
}

/** @returns SHA-256 of the weights as they would leave, 64 hex digits */
async function trainAgain(run: LoggedRun, trainer: Trainer, deps: ReplayDeps): Promise<string> {
  const { api, network, ui, pieces, workerSeed } = deps;
  const { declaration } = run;
  const dataset = await api.dataset(run.keyId);
  const offer = await checkSigned(dataset, { chainId: network.chainId, contract: network.contracts.marketplace });
  if (offer.manifestDigest !== run.manifestDigest)
    throw replayRefused(
      'the dataset is listed with other pieces now',
      'Ask the marketplace for the manifest of that version.',
    );
  const [graph, initial] = await Promise.all([api.getBlob(declaration.graph), api.getBlob(declaration.weights)]);
  const tokenizers = await Promise.all(tokenizersOf(declaration.features).map(async (digest) => api.getBlob(digest)));
  const secret = await deps.shardSecret(dataset.seller);
  const { manifest, versionKey } = await ownRows(dataset.manifest, secret, pieces).finally(() => secret.fill(0));
  const { rowCount } = manifest;
  const fetching = ui.bar({ label: 'fetching rows', total: 1, unit: 'bytes' });
  const bar = ui.bar({ label: 'training', total: 1, unit: 'steps' });
  try {
    const output = await trainer.train(
      {
        manifest,
        declaration,
        graph,
        weights: initial,
        tokenizers,
        openKey: async () => versionKey,
        ...(run.seedCommitment === null ? {} : { seed: privacySeed(workerSeed, run.orderId) }),
        ...countedPieces(piecesRead(manifest.pieces, declaration.privacy), { pieces, parts: pieces }, (bytes, of) => {
          fetching.setTotal(of);
          fetching.update(bytes);
        }),
        timeoutMs: TIMEOUT_MS,
        onProgress: (step, of) => {
          fetching.stop();
          bar.setTotal(of);
          bar.update(step);
        },
      },
      new AbortController().signal,
    );
    const expected = { declaration, shapes: shapesOf(initial), initial, rowCount };
    const weighed = weigh(output, { ...expected, heldOut: heldOutRows(manifest.pieces) });
    weighed.weights.fill(0);
    return weighed.sha256;
  } finally {
    fetching.stop();
    bar.stop();
  }
}
