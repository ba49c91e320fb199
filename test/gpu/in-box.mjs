// Jobs in real boxes with a real GPU, each against itself and against a processor's.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Change of the weights on a GPU against the same on a processor, as a share of it: what another order of sums may make of it. */
const CASES = [
  { name: 'mlp, plain', recipe: 'mlp', apart: 0.01 },
  { name: 'mlp, private', recipe: 'mlp', apart: 0.01, isPrivate: true },
  { name: 'cnn, plain', recipe: 'cnn', apart: 0.05 },
  { name: 'cnn, bfloat16', recipe: 'cnn', apart: 0.5, change: { precision: 'bfloat16' } },
];
const EPOCHS = 3;
const SEED = 7;
const TIMEOUT_MS = 300_000;

/**
 * Trains each case twice in a box with a GPU and once in one without. Whatever is not as promised is told, and counted.
 * @returns how many promises did not hold
 */
export async function acceptInBox({
  createSandboxTrainer,
  buildRecipe,
  withPrivacy,
  rows,
  pythonDir,
  trainerDir,
  say,
}) {
  // Boxes have a file for rows, as a worker's have.
  const directory = await mkdtemp(path.join(tmpdir(), 'weighbridge-gpu-'));
  const spool = { directory, jobs: 1 };
  const made = (options) => createSandboxTrainer({ pythonDir, trainerDir, spool, ...options });
  const [gpu, cpu] = [made({ gpus: 'all', warmBoxes: 1 }), made({})];
  try {
    const [{ device }] = await Promise.all([gpu.assertAvailable(), cpu.assertAvailable()]);
    say(`a box holds, and computes on: ${device}`);
    let failed = 0;
    for (const { name, recipe, apart, isPrivate = false, change = {} } of CASES) {
      const model = modelOf({ buildRecipe, withPrivacy, rows, recipe, isPrivate, change });
      const train = async (trainer) => timed(trainer.train(inputOf(rows, model), new AbortController().signal));
      const [first, second, other] = [await train(gpu), await train(gpu), await train(cpu)];
      const same = Buffer.compare(first.weights, second.weights) === 0;
      const share = shareApart(first.weights, other.weights, model.weights);
      const holds = same && share <= apart;
      failed += holds ? 0 : 1;
      const times = `${first.seconds.toFixed(1)} s and ${second.seconds.toFixed(1)} s, processor ${other.seconds.toFixed(1)} s`;
      say(
        `${holds ? 'ok' : 'FAILED'}  ${name}: ${same ? 'the same bits twice' : 'OTHER BITS the second time'}; ${(100 * share).toFixed(3)} % from a processor's (at most ${100 * apart} %); ${times}`,
      );
    }
    return failed;
  } finally {
    await Promise.all([gpu.close(), cpu.close()]);
    await rm(directory, { recursive: true });
  }
}

function modelOf({ buildRecipe, withPrivacy, rows: { manifest }, recipe, isPrivate, change }) {
  const plain = buildRecipe(recipe, { manifest, epochs: EPOCHS });
  const budget = { epsilon: 50, delta: 1e-5, maxEpsilonPerJob: 50, pricePerEpsilon: '1' };
  const declaration = isPrivate
    ? withPrivacy(plain.declaration, manifest.rowCount, { budget }, { epsilon: 8 })
    : plain.declaration;
  return { ...plain, declaration: { ...declaration, ...change } };
}

function inputOf({ manifest, dataKey, pieces }, { declaration, graph, weights }) {
  return {
    declaration,
    graph,
    weights,
    manifest,
    tokenizers: [],
    openKey: async () => Uint8Array.from(dataKey),
    ...(declaration.privacy === 'none' ? {} : { seed: new Uint8Array(32).fill(SEED) }),
    pieces: pieces.map(
      (piece) =>
        async function* () {
          yield piece;
        },
    ),
    timeoutMs: TIMEOUT_MS,
    onProgress: () => undefined,
  };
}

async function timed(promise) {
  const begun = performance.now();
  const { weights } = await promise;
  return { weights, seconds: (performance.now() - begun) / 1000 };
}

function shareApart(one, other, initial) {
  const [a, b, from] = [one, other, initial].map(numbersOf);
  return norm(a.map((value, k) => value - b[k])) / norm(b.map((value, k) => value - from[k]));
}

/** All numbers of a safetensors file: behind a header whose length stands in front. */
function numbersOf(file) {
  const bytes = Uint8Array.from(file);
  const header = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  return Float64Array.from(new Float32Array(bytes.buffer.slice(8 + header)));
}

function norm(values) {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
}
