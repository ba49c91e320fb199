// How fast the trainer is, against Opacus's best mode and against plain PyTorch, in turns in one run; and its memory for a
// million rows, and what a job costs in a box that waited for it.
//   npm run --silent bench -- train [--torch PYTHON] [--gpu] [--nets mlp-6k,...] [--rounds 3] [--seconds 2] [--only fixed-cost|nets|memory]
// PYTHON (or WEIGHBRIDGE_TORCH_PYTHON) is an interpreter with torch, opacus, onnx, onnxscript and numpy: 5 GB that the product
// does without. Without it the trainer's own figures are there, and no ratios.
// Real: the trainer's programs, its noise, a whole process over a million encrypted rows.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

const root = path.resolve(import.meta.dirname, '../..');
const here = path.join(import.meta.dirname, 'train');
const { values: options } = parseArgs({
  options: {
    torch: { type: 'string', default: process.env.WEIGHBRIDGE_TORCH_PYTHON },
    gpu: { type: 'boolean', default: false },
    nets: { type: 'string', default: 'mlp-6k,cnn-6k,resnet-300k,transformer-112k,mlp-670k' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '2' },
    only: { type: 'string' },
  },
});
const ROUNDS = Number(options.rounds);
const SECONDS = Number(options.seconds);
/** Targets: private against Opacus's best mode, and not private against plain PyTorch. The ResNet has none: it is watched. */
const TARGETS = {
  'mlp-6k': { private: 4, plain: 1.5 },
  'cnn-6k': { private: 1.6, plain: 0.9 },
  'transformer-112k': { private: 2, plain: 0.9 },
  'mlp-670k': { private: 1 },
};
const say = (text) => console.error(text);
const figures = [];
const figure = (name, value, unit, target = null, met = null) =>
  figures.push({ name, value: Math.round(value * 1000) / 1000, unit, target, met });
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

const folder = mkdtempSync(path.join(os.tmpdir(), 'weighbridge-bench-train-'));
const engines = [];
try {
  await main();
} finally {
  for (const engine of engines) engine.end();
  rmSync(folder, { recursive: true, force: true });
}
const machine = {
  cpu: os.cpus()[0]?.model,
  cores: os.availableParallelism(),
  memoryGiB: Math.round(os.totalmem() / 2 ** 30),
  node: process.version,
  device: options.gpu ? 'cuda' : 'cpu',
};
console.log(JSON.stringify({ bench: 'train', machine, figures }));

async function main() {
  const own = startOwn();
  if (options.only === 'memory') return measureMemory(own);
  if (options.only !== 'nets') await fixedCost(own);
  if (options.only === 'fixed-cost') return;
  if (options.torch === undefined) say('no --torch PYTHON: the trainer alone, without ratios');
  else await compare(own, startPeer(options.torch));
  if (options.only !== 'nets') await measureMemory(own);
}

function startOwn() {
  const python = path.join(root, '.weighbridge/python/trainer/bin/python');
  const tests = path.join(root, 'workers/trainer/tests');
  const sources = path.join(root, 'workers/trainer/src');
  return startEngine(python, [path.join(here, 'own.py'), tests, ...(options.gpu ? ['--gpu'] : [])], sources);
}

function startPeer(python) {
  const threads = String(os.availableParallelism());
  const sources = path.join(root, 'clients/python/src');
  return startEngine(python, [path.join(here, 'peer.py'), threads, ...(options.gpu ? ['--gpu'] : [])], sources);
}

/** A process that answers a line of JSON with another. */
function startEngine(python, args, sources) {
  const env = { ...process.env, PYTHONPATH: sources, PYTHONDONTWRITEBYTECODE: '1', OMP_WAIT_POLICY: 'PASSIVE' };
  const child = spawn(python, args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const engine = {
    ask: async (command) => {
      child.stdin.write(`${JSON.stringify(command)}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`${path.basename(args[0])} ended`);
      return JSON.parse(value);
    },
    end: () => child.stdin.end(),
  };
  engines.push(engine);
  return engine;
}

async function compare(own, peer) {
  const { nets } = await peer.ask({ do: 'export', to: folder });
  for (const net of options.nets.split(',')) {
    const { batch, classes } = nets[net];
    const about = { net, file: path.join(folder, `${net}.wbm`), batch, classes };
    for (const isPrivate of [true, false]) {
      const { prepareSeconds } = await own.ask({ do: 'prepare', ...about, private: isPrivate });
      figure(`${net}, ${isPrivate ? 'private' : 'plain'}: lower, check, compile`, prepareSeconds, 's');
    }
    const { modes } = await peer.ask({ do: 'modes', net });
    const rates = await inTurns(own, peer, net, modes);
    report(net, batch, modes, rates);
  }
}

/** Each engine a while, one after the other, so that a busy machine hits all alike. */
async function inTurns(own, peer, net, modes) {
  const rates = { private: [], plain: [], ...Object.fromEntries(modes.map((mode) => [`peer ${mode}`, []])) };
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const isPrivate of [true, false]) {
      const { samplesPerSecond } = await own.ask({ do: 'measure', net, private: isPrivate, seconds: SECONDS });
      rates[isPrivate ? 'private' : 'plain'].push(samplesPerSecond);
    }
    for (const mode of modes) {
      const { samplesPerSecond } = await peer.ask({ do: 'measure', net, mode, seconds: SECONDS / 2 });
      rates[`peer ${mode}`].push(samplesPerSecond);
    }
    say(
      `${net} round ${round + 1}: ${Object.entries(rates)
        .map(([name, all]) => `${name} ${Math.round(all.at(-1))}/s`)
        .join(', ')}`,
    );
  }
  return Object.fromEntries(Object.entries(rates).map(([name, all]) => [name, median(all)]));
}

function report(net, batch, modes, rates) {
  const best = modes.filter((mode) => mode !== 'plain').toSorted((a, b) => rates[`peer ${b}`] - rates[`peer ${a}`])[0];
  const { private: wanted, plain } = TARGETS[net] ?? {};
  figure(`${net}, batch ${batch}: private`, rates.private, 'samples/s');
  figure(`${net}: Opacus ${best}, its best mode`, rates[`peer ${best}`], 'samples/s');
  const ratio = rates.private / rates[`peer ${best}`];
  against(`${net}: private against Opacus's best mode`, ratio, wanted);
  figure(`${net}: not private`, rates.plain, 'samples/s');
  figure(`${net}: PyTorch eager`, rates['peer plain'], 'samples/s');
  against(`${net}: not private against PyTorch eager`, rates.plain / rates['peer plain'], plain);
}

function against(name, ratio, wanted) {
  const [target, met] = wanted === undefined ? [null, null] : [`>= ${wanted}`, ratio >= wanted];
  figure(name, ratio, 'x', target, met);
}

async function fixedCost(own) {
  say('a small job in a box that waited for it');
  const { measureFixedCost } = await import('./train/fixed-cost.mjs');
  const { startSeconds, waitingBytes, jobSeconds, compileSeconds } = await measureFixedCost(own);
  figure('box: from its start until it waits for a job', startSeconds, 's');
  figure('box: memory while it waits', waitingBytes / 2 ** 20, 'MiB');
  figure('small job in a warm box, all of it', jobSeconds, 's');
  figure('small job: compiling its model', compileSeconds, 's');
  const fixed = jobSeconds - compileSeconds;
  figure('fixed cost of a job in a warm box, compiling apart', fixed, 's', '< 1', fixed < 1);
}

async function measureMemory(own) {
  say('a job over 1,000,000 rows of 64 columns');
  const rows = { rows: 1_000_000, columns: 64 };
  const whole = await own.ask({ do: 'memory', ...rows, rowsBytes: 2 ** 31 });
  const { peakBytes, seconds } = whole;
  figure('memory of the trainer, 1M x 64 rows', peakBytes / 2 ** 30, 'GiB', '< 1.863 (2 GB)', peakBytes < 2e9);
  figure('the whole job, rows made and encrypted on the way', seconds, 's');
  figure('a linear model over them, which is the least work that a row can be', whole.rowsPerSecond, 'rows/s');
  say('the same with memory for a sixteenth of them: the rows are sealed on the disk');
  const sealed = await own.ask({ do: 'memory', ...rows, rowsBytes: 2 ** 24 });
  figure('sealed rows: memory of the trainer', sealed.peakBytes / 2 ** 30, 'GiB');
  figure('sealed rows: the whole job', sealed.seconds, 's');
  figure('sealed rows: the linear model', sealed.rowsPerSecond, 'rows/s');
}
