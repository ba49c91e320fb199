#!/usr/bin/env node
// `npm run check`: everything that can be said about the code without running it. Every step runs, each prints one line
// with its time and, if it fails, what it found; the exit code is 1 if any failed. `--fast` leaves out the slow ones.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { styleText } from 'node:util';
import { foundryBinary } from './foundry.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const node = path.join(root, 'node_modules/.bin/node');
const python = path.join(root, '.weighbridge/python/dev/bin');
const fast = process.argv.includes('--fast');

/** A step fails with what its command printed. Commands run with the Node and the tools that set-up installed. */
const tool = (file, ...args) => command(node, [path.join(root, 'node_modules', file), ...args]);
const script = (file, ...args) => command(node, [path.join(root, file), ...args]);
const cruised = ['src', 'web3', 'workers', 'test', 'scripts', 'bin'];

const STEPS = [
  { name: 'types', run: () => tool('typescript7/bin/tsc', '-p', 'tsconfig.json', '--noEmit') },
  { name: 'lint', run: () => tool('oxlint/bin/oxlint', '--type-aware', '--deny-warnings') },
  { name: 'format', run: () => tool('prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.') },
  { name: 'directions', run: () => directions() },
  { name: 'text', run: async () => (await import('./checks/text.mjs')).textErrors(root).join('\n') },
  {
    name: 'compose file',
    run: async () => (await import('./checks/compose.mjs')).composeErrors(root, 'docker-compose.yml').join('\n'),
  },
  { name: 'contracts format', run: async () => command(foundryBinary('forge'), ['fmt', '--check'], 'web3/contracts') },
  { name: 'contracts ABIs', slow: true, run: () => script('scripts/abi.mjs', '--check') },
  {
    name: 'GraphQL schema',
    slow: true,
    needs: 'scripts/schema.mjs',
    run: () => script('scripts/schema.mjs', '--check'),
  },
  { name: 'client data', slow: true, run: () => script('scripts/client-data.mjs', '--check') },
  { name: 'Python lint', run: () => inPython('ruff', 'check', '--quiet') },
  { name: 'Python format', run: () => inPython('ruff', 'format', '--check', '--quiet') },
  { name: 'Python types', slow: true, run: () => inPython('mypy', '--no-error-summary') },
];

let failed = 0;
for (const step of STEPS) {
  if (fast && step.slow) continue;
  if (step.needs !== undefined && !existsSync(path.join(root, step.needs))) continue;
  const started = performance.now();
  const findings = await step.run().catch((error) => String(error?.stack ?? error));
  const seconds = `${((performance.now() - started) / 1000).toFixed(1)} s`.padStart(7);
  const verdict = findings === '' ? styleText('green', 'ok  ') : styleText('red', 'FAIL');
  console.log(`${verdict} ${seconds}  ${step.name}`);
  if (findings === '') continue;
  failed += 1;
  console.log(`${findings.trim().replaceAll(/^/gm, '       ')}\n`);
}
console.log(failed === 0 ? 'All checks passed.' : `${failed} of ${STEPS.length} checks failed.`);
process.exitCode = failed === 0 ? 0 : 1;

/** @returns what the command printed, or nothing if it succeeded */
async function command(file, args, folder = '.') {
  if (!existsSync(file)) return `${path.relative(root, file)} is missing: run "npm run setup"`;
  const result = spawnSync(file, args, { cwd: path.join(root, folder), encoding: 'utf8', maxBuffer: 1 << 26 });
  if (result.status === 0) return '';
  return `${result.stdout ?? ''}${result.stderr ?? ''}`.trim() || `ended with ${result.status ?? result.signal}`;
}

async function directions() {
  const folders = cruised.filter((folder) => existsSync(path.join(root, folder)));
  return tool('dependency-cruiser/bin/dependency-cruiser.mjs', '--config', '.dependency-cruiser.cjs', ...folders);
}

/** In each of the Python packages. */
async function inPython(name, ...args) {
  const folders = ['workers/trainer', 'clients/python'];
  const found = await Promise.all(folders.map(async (folder) => command(path.join(python, name), args, folder)));
  return found.filter((findings) => findings !== '').join('\n');
}
