import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { WeighbridgeError, type Address } from '../../kernel/index.js';
import type { Cli } from '../cli.js';
import type { ReplayOptions } from './options.js';
import { knownShardSecret, shardSecretFile } from '../state/shard-secret.js';
import { facts } from '../ui/table.js';
import { Reported } from '../ui/reported.js';
import { replay, type Replayed } from './replay.js';

/** `weighbridge replay`. */
export async function runReplay(
  cli: Cli,
  id: string,
  { workerSeedFile, shardSecretFile: named }: ReplayOptions,
): Promise<void> {
  const network = await cli.network();
  const workerSeed = await readSeed(workerSeedFile);
  const replayed = await replay(id, {
    ui: cli.ui,
    network,
    api: await cli.api(),
    pieces: await cli.adapters.pieceReader(network),
    trainer: cli.adapters.trainer,
    workerSeed,
    shardSecret: async (seller) => secretIn(named ?? shardSecretFile(cli.state.root, seller as Address)),
  }).finally(() => workerSeed.fill(0));
  cli.ui.result(replayed, () => lines(cli, replayed));
  if (!replayed.same) throw new Reported(otherWeights(replayed));
}

function lines({ ui: { out } }: Cli, { orderId, same, weightsDigest, loggedDigest, trainer }: Replayed): string[] {
  return [
    same ? out.green('The same weights, bit by bit.') : out.red('Other weights than those that were logged.'),
    ...facts([
      ['job', orderId],
      ['logged', loggedDigest],
      ['trained here', weightsDigest],
      [
        'engine',
        `${trainer.name} ${trainer.version}, JAX ${trainer.jax}, jaxlib ${trainer.jaxlib}, Python ${trainer.python}`,
      ],
      ['on', `${trainer.threads} threads of ${trainer.device}`],
    ]),
  ];
}

async function readSeed(file: string): Promise<Uint8Array> {
  const text = await readFile(path.resolve(file), 'utf8').catch((error: unknown) => {
    throw new WeighbridgeError('CONFIG_INVALID', `the seed file ${file} cannot be read`, {
      next: "Name the worker's WORKER_SEED_FILE with --worker-seed-file.",
      cause: error,
    });
  });
  if (/^(0x)?[0-9a-f]{64}$/.test(text.trim())) return Buffer.from(text.trim().replace(/^0x/, ''), 'hex');
  throw new WeighbridgeError('CONFIG_INVALID', `${file} does not hold a worker's seed (64 hex digits)`, {
    next: "Name the worker's WORKER_SEED_FILE with --worker-seed-file.",
  });
}

async function secretIn(file: string): Promise<Uint8Array> {
  const secret = await knownShardSecret(file);
  if (secret !== undefined) return secret;
  throw new WeighbridgeError('CONFIG_INVALID', `there is no shard secret at ${file}`, {
    next: "Name the seller's with --shard-secret-file: only who owns the rows can open them without a record.",
  });
}

function otherWeights({ orderId, weightsDigest, loggedDigest }: Replayed): WeighbridgeError {
  return new WeighbridgeError('DIGEST_MISMATCH', 'the weights are not those that the log names', {
    next: 'Run it once more; if it stays so, the logged weights are not what this job trains to.',
    details: { orderId, weightsDigest, loggedDigest },
  });
}
