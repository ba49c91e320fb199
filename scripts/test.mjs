#!/usr/bin/env node
// `npm test`: every suite, then one line with the total. All run side by side, so that no core waits: the stories in
// TypeScript wait for blocks while Python compiles. The longest writes as it goes; what the others said comes whole.
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

/**
 * Runs one suite; `count` reads its machine-readable report, and says what a reader must see of what it held back. A suite
 * that reports nothing has failed.
 */
async function suite(name, command, args, options, count) {
  const started = Date.now();
  const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'], ...options });
  const said = { stdout: '', stderr: '' };
  for (const stream of Object.keys(said))
    child[stream]?.setEncoding('utf8').on('data', (text) => (said[stream] += text));
  const status = await new Promise((resolve) => {
    child.on('error', (error) => (console.log(`${name}: ${error.message}`), resolve(1)));
    child.on('close', resolve);
  });
  console.log(`\n== ${name}\n${said.stderr}`);
  let counts = { passed: 0, failed: 1, skipped: 0 };
  try {
    counts = count(said.stdout);
  } catch (error) {
    console.log(`${name}: no report (${error instanceof Error ? error.message : String(error)})`);
  }
  if (status !== 0 && counts.failed === 0) counts.failed = 1;
  for (const key of Object.keys(totals)) totals[key] += counts[key];
  console.log(
    `== ${name}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped in ${((Date.now() - started) / 1000).toFixed(0)} s`,
  );
}

function contracts() {
  const options = { cwd: path.join(root, 'web3/contracts') };
  return suite('contracts (forge)', foundryBinary('forge'), ['test', '--json'], options, (stdout) => {
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
  });
}

function python(name, folder) {
  const interpreter = path.join(root, '.weighbridge/python/dev/bin/python');
  const junit = path.join(reports, `${name}.xml`);
  // -rs: what is skipped is said, with its reason.
  const args = ['-m', 'pytest', '-q', '-rs', `--junitxml=${junit}`];
  return suite(`${name} (pytest)`, interpreter, args, { cwd: path.join(root, folder) }, (stdout) => {
    console.log(stdout);
    const attributes = readFileSync(junit, 'utf8').match(/<testsuite [^>]*>/)?.[0] ?? '';
    const read = (key) => Number(new RegExp(`${key}="(\\d+)"`).exec(attributes)?.[1] ?? Number.NaN);
    const failed = read('failures') + read('errors');
    if (Number.isNaN(failed)) throw new Error('unreadable junit report');
    return { passed: read('tests') - failed - read('skipped'), failed, skipped: read('skipped') };
  });
}

function typescript() {
  const json = path.join(reports, 'vitest.json');
  const vitest = path.join(modules, 'vitest/vitest.mjs');
  const args = [vitest, 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${json}`];
  return suite('TypeScript (vitest)', path.join(modules, '.bin/node'), args, { stdio: 'inherit' }, () => {
    const report = JSON.parse(readFileSync(json, 'utf8'));
    // A file that fails before its first test counts as one failure.
    const broken = report.testResults.filter((f) => f.status === 'failed' && f.assertionResults.length === 0).length;
    return {
      passed: report.numPassedTests,
      failed: report.numFailedTests + broken,
      skipped: report.numPendingTests,
    };
  });
}

await Promise.all([
  typescript(),
  contracts(),
  python('trainer', 'workers/trainer').then(() => python('client', 'clients/python')),
]);

console.log('');
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exit(totals.failed === 0 ? 0 : 1);
