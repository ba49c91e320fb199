// What a job costs whatever it trains: one epoch of the digits example, so that next to nothing is trained.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadTypeScript } from '../support/load-typescript.mjs';

const root = path.resolve(import.meta.dirname, '../../..');
const pythonDir = path.join(root, '.weighbridge/python/trainer');
const trainerDir = path.join(root, 'workers/trainer/src');
const ROUNDS = 3;
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const built = async (file) => import(path.join(root, 'dist', file));

/**
 * `startSeconds`: from the start of a box until it waits for a job; `waitingBytes`: resident, of the process that waits;
 * `jobSeconds`: a whole small job in a box that waited, encrypted rows in and weights out; `compileSeconds`: of it, compiling,
 * as the same model took beside in a process that had compiled before.
 */
export async function measureFixedCost(own) {
  const { startSeconds, waitingBytes } = await waiting();
  const [{ createSandboxTrainer }, { buildRecipe }, { exampleDataset }] = await Promise.all([
    built('workers/sandbox/index.js'),
    built('src/training/models.js'),
    loadTypeScript(path.join(root, 'test/support/encrypted-dataset.ts')),
  ]);
  const rows = await exampleDataset('digits');
  const model = buildRecipe('mlp', { manifest: rows.manifest, epochs: 1 });
  const trainer = createSandboxTrainer({ pythonDir, trainerDir, warmBoxes: 1 });
  await trainer.assertAvailable();
  const times = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    // Until its box waits.
    await sleep(3_000 * startSeconds);
    const begun = performance.now();
    await trainer.train(inputOf(rows, model), new AbortController().signal);
    times.push((performance.now() - begun) / 1000);
  }
  await trainer.close();
  const compiled = [];
  for (let round = 0; round < ROUNDS; round += 1)
    compiled.push((await own.ask({ do: 'compile', ...sent(rows, model) })).compileSeconds);
  const compileSeconds = median(compiled);
  return { startSeconds, waitingBytes, jobSeconds: median(times), compileSeconds };
}

function sent({ manifest }, { declaration, graph, weights }) {
  const config = { declaration, pieces: manifest.pieces.length, rows: manifest.rowCount };
  const text = (bytes) => Buffer.from(bytes).toString('base64');
  return { config, graph: text(graph), weights: text(weights) };
}

function inputOf({ manifest, dataKey, pieces }, model) {
  return {
    ...model,
    manifest,
    tokenizers: [],
    openKey: async () => Uint8Array.from(dataKey),
    pieces: pieces.map(
      (piece) =>
        async function* () {
          yield piece;
        },
    ),
    timeoutMs: 120_000,
    onProgress: () => undefined,
  };
}

async function waiting() {
  const [{ drawBlueprint }, { DEFAULT_LIMITS }, { startWaitingBox }] = await Promise.all([
    built('workers/sandbox/box.js'),
    built('workers/sandbox/limits.js'),
    built('workers/sandbox/waiting-box.js'),
  ]);
  const blueprint = await drawBlueprint(pythonDir, trainerDir, DEFAULT_LIMITS);
  const begun = performance.now();
  const { box, idle } = startWaitingBox(blueprint);
  await idle;
  const startSeconds = (performance.now() - begun) / 1000;
  const { 'child-pid': first } = await box.info;
  const [python] = (await readFile(`/proc/${first}/task/${first}/children`, 'utf8')).trim().split(' ');
  const status = await readFile(`/proc/${python}/status`, 'utf8');
  box.destroy();
  return { startSeconds, waitingBytes: Number(/VmRSS:\s+(\d+)/.exec(status)[1]) * 1024 };
}
