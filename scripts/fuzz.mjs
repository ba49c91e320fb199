#!/usr/bin/env node
// `npm run fuzz`: every reader of what a stranger sends, at FUZZ_RUNS cases (100,000), first those in TypeScript, then the trainer's,
// as many processes of it at once as there are processors. FUZZ_PART=3/8 does the third of eight parts of the long ones.
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const trainer = path.join(root, 'workers/trainer');
const env = { FUZZ_RUNS: '100000', FUZZ_PART: '1/1', ...process.env };
const [part, parts] = env.FUZZ_PART.split('/').map(Number);

/** @returns {Promise<boolean>} whether it found nothing */
async function run(command, args, cwd, change = {}) {
  const child = spawn(command, args, { cwd, stdio: 'inherit', env: { ...env, ...change } });
  return new Promise((resolve) => {
    child.once('error', () => resolve(false));
    child.once('close', (code) => resolve(code === 0));
  });
}

const node = path.join(root, 'node_modules/.bin/node');
const modules = ['provenance', 'storage', 'training'].map((name) => `src/${name}`);
const typescript = await run(node, ['node_modules/vitest/vitest.mjs', 'run', ...modules], root);

const python = path.join(root, '.weighbridge/python/dev/bin/python');
const processes = availableParallelism();
const trainers = await Promise.all(
  Array.from({ length: processes }, async (_, k) =>
    run(python, ['-m', 'pytest', '-q', 'tests/test_fuzz.py'], trainer, {
      FUZZ_PART: `${(part - 1) * processes + k + 1}/${parts * processes}`,
    }),
  ),
);
process.exit(typescript && trainers.every(Boolean) ? 0 : 1);
