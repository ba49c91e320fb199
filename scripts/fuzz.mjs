#!/usr/bin/env node
// `npm run fuzz`: every reader of what a stranger sends, at FUZZ_RUNS cases (100,000), those in TypeScript and then the trainer's.
// As many processes as there are processors share the cases; FUZZ_PART=3/8 does the third of eight parts of them. Each reader is
// named when it is done.
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const trainer = path.join(root, 'workers/trainer');
const env = { FUZZ_RUNS: '100000', FUZZ_PART: '1/1', ...process.env };
const [part, parts] = env.FUZZ_PART.split('/').map(Number);
const processes = availableParallelism();

const node = path.join(root, 'node_modules/.bin/node');
const python = path.join(root, '.weighbridge/python/dev/bin/python');
/** The specs that read FUZZ_RUNS. */
const SPECS = [
  'src/provenance/record.spec.ts',
  'src/provenance/verify/fuzz.spec.ts',
  'src/provenance/verify/verify-receipt.spec.ts',
  'src/storage/envelope.spec.ts',
  'src/storage/header.spec.ts',
  'src/training/fuzz.spec.ts',
];
const VITEST = ['node_modules/vitest/vitest.mjs', 'run', '--maxWorkers=1', '--reporter=verbose'];

/** @returns {Promise<boolean>} whether it found nothing */
async function run(command, args, cwd, FUZZ_PART) {
  const child = spawn(command, args, { cwd, stdio: 'inherit', env: { ...env, FUZZ_PART } });
  return new Promise((resolve) => {
    child.once('error', () => resolve(false));
    child.once('close', (code) => resolve(code === 0));
  });
}

async function share(k) {
  const own = `${(part - 1) * processes + k + 1}/${parts * processes}`;
  const readers = await run(node, [...VITEST, ...SPECS], root, own);
  return (await run(python, ['-m', 'pytest', '-v', 'tests/test_fuzz.py'], trainer, own)) && readers;
}

console.log(`${env.FUZZ_RUNS} cases a reader, part ${env.FUZZ_PART}, ${processes} processes`);
const found = (await Promise.all(Array.from({ length: processes }, async (_, k) => share(k)))).filter(
  (ok) => !ok,
).length;
const seconds = Math.round(performance.now() / 1000);
const took = `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
console.log(found === 0 ? `fuzz: nothing found in ${took}` : `fuzz: FOUND SOMETHING, see above; ${took}`);
process.exit(found === 0 ? 0 : 1);
