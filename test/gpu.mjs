#!/usr/bin/env node
// Whether this host's GPUs do what the worker promises: `npm run gpu`, on a host with an NVIDIA driver after `npm run setup`. The
// trainer's own tests on a GPU (operators, models, private training against the reference), then jobs in real boxes.
//   npm run gpu [-- --tests "tests/test_private.py ..."]
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { acceptInBox } from './gpu/in-box.mjs';
import { loadTypeScript } from './bench/support/load-typescript.mjs';

const root = path.resolve(import.meta.dirname, '..');
const pythonDir = path.join(root, '.weighbridge/python/trainer');
const trainerDir = path.join(root, 'workers/trainer/src');
const TESTS = [
  'operators',
  'operator_table',
  'zoo',
  'private',
  'private_stream',
  'device_noise',
  'optimise',
  'metric',
  'journal',
  'job',
];
const { values } = parseArgs({
  options: { tests: { type: 'string', default: TESTS.map((name) => `tests/test_${name}.py`).join(' ') } },
});
const built = async (file) => import(path.join(root, 'dist', file));

const [{ GPU_ENVIRONMENT }, { createSandboxTrainer }, { buildRecipe, withPrivacy }, { exampleDataset }] =
  await Promise.all([
    built('workers/sandbox/gpu-box.js'),
    built('workers/sandbox/index.js'),
    built('src/training/models.js'),
    loadTypeScript(path.join(root, 'test/support/encrypted-dataset.ts')),
  ]);
/** Where a box has it under /packages. */
const cudaRoot = () => {
  const [version] = readdirSync(path.join(pythonDir, 'lib')).filter((name) => name.startsWith('python3'));
  return path.join(pythonDir, 'lib', version, 'site-packages/nvidia/cu13');
};
const rows = await exampleDataset('digits');
const failed = await acceptInBox({
  createSandboxTrainer,
  buildRecipe,
  withPrivacy,
  rows,
  pythonDir,
  trainerDir,
  say: console.error,
}).catch((error) => {
  if (typeof error?.next !== 'string') throw error;
  console.error(`${error.code}: ${error.message}\n${error.next}`);
  process.exit(1);
});
const python = path.join(root, '.weighbridge/python/dev/bin/python');
const tests = spawnSync(python, ['-m', 'pytest', '-q', ...values.tests.split(' ')], {
  cwd: path.join(root, 'workers/trainer'),
  env: { ...process.env, ...GPU_ENVIRONMENT, CUDA_ROOT: cudaRoot(), XLA_PYTHON_CLIENT_PREALLOCATE: 'false' },
  stdio: ['ignore', 2, 2],
});
if (failed > 0 || tests.status !== 0) process.exit(1);
