#!/usr/bin/env node
// Breaks the contracts in one place after the other, and checks that some test fails each time: a mutant that lives is a
// line that no test holds. Minutes long, so it is run by hand: `node web3/contracts/mutants.mjs [word in the mutant]`.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { foundryBinary } from '../../scripts/foundry.mjs';
import { MUTANTS } from './mutants.list.mjs';

const contracts = path.dirname(fileURLToPath(import.meta.url));
const root = path.dirname(path.dirname(contracts));
const forge = foundryBinary('forge');
const [filter = ''] = process.argv.slice(2);
const wanted = MUTANTS.filter((mutant) => Object.values(mutant).some((text) => text.includes(filter)));

const scratch = mkdtempSync(path.join(tmpdir(), 'weighbridge-mutants-'));
symlinkSync(path.join(root, 'node_modules'), path.join(scratch, 'node_modules'));
const lived = [];
try {
  for (const [i, mutant] of wanted.entries()) {
    const verdict = run(mutant);
    if (verdict !== 'killed') lived.push(mutant);
    console.log(`${String(i + 1).padStart(3)}/${wanted.length} ${verdict.padEnd(8)} ${mutant.file}: ${brief(mutant)}`);
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
console.log(`${wanted.length - lived.length} of ${wanted.length} mutants killed`);
process.exit(lived.length === 0 ? 0 : 1);

/** @returns 'killed', 'LIVED', or 'BROKEN' when the mutant does not apply to exactly one place or does not compile */
function run({ file, find, replace, tests }) {
  const project = projectOf(tests);
  const target = path.join(project, 'src', file);
  const source = readFileSync(target, 'utf8');
  if (source.split(find).length !== 2) return 'BROKEN';
  writeFileSync(
    target,
    source.replace(find, () => replace),
  );
  try {
    const env = { ...process.env, FOUNDRY_FUZZ_RUNS: '48', FOUNDRY_INVARIANT_RUNS: '8', FORGE_SNAPSHOT_CHECK: 'false' };
    const result = spawnSync(forge, ['test', '--fail-fast'], {
      cwd: project,
      env,
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    });
    if (result.status === 0) return 'LIVED';
    return result.stdout.includes('[FAIL') ? 'killed' : 'BROKEN';
  } finally {
    writeFileSync(target, source);
  }
}

/** A project of one test and what it imports, or forge would compile every contract for every mutant. */
function projectOf(tests) {
  const project = path.join(scratch, 'web3', tests);
  if (existsSync(project)) return project;
  for (const file of [...closureOf(`test/${tests}.t.sol`), 'foundry.toml', 'solc.cjs']) {
    cpSync(path.join(contracts, file), path.join(project, file));
  }
  return project;
}

function closureOf(file, seen = new Set()) {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const [, target] of readFileSync(path.join(contracts, file), 'utf8').matchAll(/from "(\.[^"]+)"/g)) {
    closureOf(path.join(path.dirname(file), target), seen);
  }
  return seen;
}

function brief({ find, replace }) {
  const line = (text) => text.replaceAll(/\s+/g, ' ').trim();
  return `${line(find).slice(0, 90)}  ->  ${line(replace).slice(0, 60) || '(nothing)'}`;
}
