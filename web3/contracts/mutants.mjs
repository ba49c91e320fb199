#!/usr/bin/env node
// Breaks the contracts in one place after the other, and checks that some test fails each time: a mutant that lives is a
// line that no test holds. Minutes long, so it is run by hand: `node web3/contracts/mutants.mjs [word in the mutant]`.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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

const copy = mkdtempSync(path.join(tmpdir(), 'weighbridge-mutants-'));
const work = path.join(copy, 'web3/contracts');
symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'));
for (const item of ['src', 'test', 'snapshots', 'foundry.toml', 'solc.cjs']) {
  cpSync(path.join(contracts, item), path.join(work, item), { recursive: true });
}
const lived = [];
try {
  for (const [i, mutant] of wanted.entries()) {
    const verdict = run(mutant);
    if (verdict !== 'killed') lived.push(mutant);
    console.log(`${String(i + 1).padStart(3)}/${wanted.length} ${verdict.padEnd(8)} ${mutant.file}: ${brief(mutant)}`);
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}
console.log(`${wanted.length - lived.length} of ${wanted.length} mutants killed`);
process.exit(lived.length === 0 ? 0 : 1);

/** @returns 'killed', 'LIVED', or 'BROKEN' when the mutant does not apply to exactly one place or does not compile */
function run({ file, find, replace, tests }) {
  const target = path.join(work, 'src', file);
  const source = readFileSync(target, 'utf8');
  if (source.split(find).length !== 2) return 'BROKEN';
  writeFileSync(
    target,
    source.replace(find, () => replace),
  );
  try {
    const env = { ...process.env, FOUNDRY_FUZZ_RUNS: '48', FOUNDRY_INVARIANT_RUNS: '8', FORGE_SNAPSHOT_CHECK: 'false' };
    const args = ['test', '--fail-fast', '--match-path', `test/${tests}.t.sol`];
    const result = spawnSync(forge, args, { cwd: work, env, encoding: 'utf8', maxBuffer: 1 << 26 });
    if (result.status === 0) return 'LIVED';
    return /\[FAIL/.test(result.stdout) ? 'killed' : 'BROKEN';
  } finally {
    writeFileSync(target, source);
  }
}

function brief({ find, replace }) {
  const line = (text) => text.replaceAll(/\s+/g, ' ').trim();
  return `${line(find).slice(0, 90)}  ->  ${line(replace).slice(0, 60) || '(nothing)'}`;
}
