// Whether a private run leaks more than it says: canaries and a one-run audit give a lower bound of epsilon, which must stay below the
// claimed one at 1, 4 and 8, and above it when the noise is switched off (so the audit can fail). Of the weights, and of the mean and
// the scale that a run may pay for.
//   npm run --silent bench -- dp-audit
// Real: the trainer's clipping, sampling, noise and optimiser, and the accounting that makes the noise. Made: the rows.
import { spawnSync } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { noiseFor } from '../../dist/src/privacy/index.js';

const DELTA = 1e-6;
/** As test/bench/dp-audit/audit.py has them. */
const RUN = { samplingRate: 6_000 / 24_000, steps: 40 };
const EPSILONS = [1, 4, 8];
const root = path.resolve(import.meta.dirname, '../..');

/** Mean and scale of the columns: one release with every row in it. */
const FIT = { samplingRate: 1, steps: 1 };
/** So few canaries, each of which hides the others a little, refute no claim of 4 however little noise there is. */
const FIT_OFF = 1;

const claimed = (what, release) =>
  EPSILONS.map((epsilon) => `${what}:${epsilon}:${noiseFor({ epsilon, delta: DELTA, ...release })}`);
const runs = [...claimed('run', RUN), `run:${EPSILONS.at(-1)}:off`, ...claimed('fit', FIT), `fit:${FIT_OFF}:off`];
const trainer = path.join(root, 'workers/trainer');
const python = path.join(root, '.weighbridge/python/dev/bin/python');
const script = path.join(import.meta.dirname, 'dp-audit/audit.py');
const { status, stdout } = spawnSync(python, [script, String(DELTA), ...runs], {
  env: { ...process.env, PYTHONPATH: [path.join(trainer, 'src'), path.join(trainer, 'tests')].join(path.delimiter) },
  stdio: ['ignore', 'pipe', 'inherit'],
  encoding: 'utf8',
});
if (status !== 0) process.exit(1);
const figures = JSON.parse(stdout.trim().split('\n').at(-1)).map(({ what, epsilon, noise, lowerBound }) => ({
  name: `lower bound${what === 'fit' ? ' of mean and scale' : ''}${noise === 'off' ? ', noise off' : ''}, claimed ${epsilon}`,
  value: Math.round(lowerBound * 1000) / 1000,
  unit: 'epsilon',
  target: `${noise === 'off' ? '>' : '<'} ${epsilon}`,
  met: noise === 'off' ? lowerBound > epsilon : lowerBound < epsilon,
}));
const machine = {
  cpu: os.cpus()[0]?.model,
  cores: os.cpus().length,
  memoryGiB: Math.round(os.totalmem() / 2 ** 30),
  node: process.version,
};
console.log(JSON.stringify({ bench: 'dp-audit', machine, figures }));
process.exitCode = figures.every(({ met }) => met) ? 0 : 1;
