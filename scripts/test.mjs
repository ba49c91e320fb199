#!/usr/bin/env node
// `npm test`: every suite, then one line with the total. The contracts' compiler keeps one core busy, so they run beside the
// Python suites; the rest, one after the other (two cores).
// Runs under any Node 20; the suites run under the Node that the set-up installed.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { foundryBinary } from './foundry.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const modules = path.join(root, 'node_modules');
const reports = path.join(root, '.weighbridge', 'test-reports');
const setup = spawnSync(process.execPath, [path.join(root, 'scripts/setup.mjs')], { stdio: 'inherit' });
if (setup.status !== 0) process.exit(1);
rmSync(reports, { recursive: true, force: true });
mkdirSync(reports, { recursive: true });

const env = {
  ...process.env,
  PATH: `${path.join(modules, '.bin')}${path.delimiter}${process.env.PATH ?? ''}`,
  NODE_COMPILE_CACHE: path.join(root, '.weighbridge/compile-cache'),
};
const totals = { passed: 0, failed: 0, skipped: 0 };

/** Runs one suite; `count` reads its machine-readable report. A suite that reports nothing has failed. */
async function suite(name, command, args, options, count) {
  const started = Date.now();
  const child = spawn(command, args, { cwd: root, env, stdio: 'inherit', ...options });
  let stdout = '';
  child.stdout?.setEncoding('utf8').on('data', (text) => (stdout += text));
  const status = await new Promise((resolve) => {
    child.on('error', (error) => (console.log(`${name}: ${error.message}`), resolve(1)));
    child.on('close', resolve);
  });
  let counts = { passed: 0, failed: 1, skipped: 0 };
  try {
    counts = count(stdout);
  } catch (error) {
    console.log(`${name}: no report (${error instanceof Error ? error.message : String(error)})`);
  }
  if (status !== 0 && counts.failed === 0) counts.failed = 1;
  for (const key of Object.keys(totals)) totals[key] += counts[key];
  console.log(
    `== ${name}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped in ${((Date.now() - started) / 1000).toFixed(0)} s`,
  );
}

const forge = foundryBinary('forge');
const contracts = suite(
  'contracts (forge)',
  forge,
  ['test', '--json'],
  { cwd: path.join(root, 'web3/contracts'), stdio: ['ignore', 'pipe', 'inherit'] },
  (stdout) => {
    const line = stdout.split('\n').findLast((l) => l.startsWith('{')) ?? stdout;
    const counts = { passed: 0, failed: 0, skipped: 0 };
    for (const [contract, report] of Object.entries(JSON.parse(line))) {
      for (const [test, outcome] of Object.entries(report.test_results)) {
        if (outcome.status === 'Success') counts.passed += 1;
        else if (outcome.status === 'Skipped') counts.skipped += 1;
        else {
          counts.failed += 1;
          console.log(`FAILED ${contract} ${test}: ${outcome.reason ?? ''}`);
        }
      }
    }
    return counts;
  },
);

const python = path.join(root, '.weighbridge/python/dev/bin/python');
for (const [name, folder] of [
  ['trainer', 'workers/trainer'],
  ['client', 'clients/python'],
]) {
  const junit = path.join(reports, `${name}.xml`);
  const options = { cwd: path.join(root, folder) };
  console.log(`\n== ${name} (pytest)`);
  // -rs: what is skipped is said, with its reason.
  await suite(`${name} (pytest)`, python, ['-m', 'pytest', '-q', '-rs', `--junitxml=${junit}`], options, () => {
    const attributes = readFileSync(junit, 'utf8').match(/<testsuite [^>]*>/)?.[0] ?? '';
    const read = (key) => Number(new RegExp(`${key}="(\\d+)"`).exec(attributes)?.[1] ?? Number.NaN);
    const failed = read('failures') + read('errors');
    if (Number.isNaN(failed)) throw new Error('unreadable junit report');
    return { passed: read('tests') - failed - read('skipped'), failed, skipped: read('skipped') };
  });
}
await contracts;

const json = path.join(reports, 'vitest.json');
console.log('\n== TypeScript (vitest)');
await suite(
  'TypeScript (vitest)',
  path.join(modules, '.bin/node'),
  [
    path.join(modules, 'vitest/vitest.mjs'),
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${json}`,
  ],
  {},
  () => {
    const report = JSON.parse(readFileSync(json, 'utf8'));
    return {
      passed: report.numPassedTests,
      failed:
        report.numFailedTests +
        Math.max(
          0,
          report.numFailedTestSuites - report.numFailedTests > 0
            ? report.testResults.filter((f) => f.status === 'failed' && f.assertionResults.length === 0).length
            : 0,
        ),
      skipped: report.numPendingTests,
    };
  },
);

console.log('');
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exit(totals.failed === 0 ? 0 : 1);
