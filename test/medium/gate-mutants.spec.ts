// The egress gate without one of its rules, for each rule: gate.spec.ts and safetensors.spec.ts must fail then. A mutant that nothing
// notices is a rule that nobody tests. Real: everything; vitest runs the very specs on changed copies of the four files.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repositoryRoot } from '../../web3/devnet/repository-root.js';

const root = repositoryRoot();
const training = path.join(root, 'src/training');
/** The spec that must fail without a rule of a file. */
const SPEC_OF = {
  'gate.ts': 'gate.spec.ts',
  'metric.ts': 'gate.spec.ts',
  'moments.ts': 'gate.spec.ts',
  'safetensors.ts': 'safetensors.spec.ts',
} as const;
const FILES = ['gate.ts', 'metric.ts', 'moments.ts', 'safetensors.ts'] as const;
const source = Object.fromEntries(
  [...FILES, ...new Set(Object.values(SPEC_OF))].map((file) => [file, readFileSync(path.join(training, file), 'utf8')]),
);

interface Mutant {
  name: string;
  file: (typeof FILES)[number];
  text: string;
}

/** Every `throw` of a rule becomes a value that nobody looks at. */
function withoutThrows(file: Mutant['file'], error: RegExp): Mutant[] {
  const text = source[file] ?? '';
  return [...text.matchAll(error)].map((found) => {
    const end = found.index + found[0].length;
    const rule = /'([a-z-]+)'/.exec(text.slice(end, end + 40))?.[1] ?? text.slice(end, end + 12);
    const line = text.slice(0, found.index).split('\n').length;
    const changed = text.slice(0, found.index) + found[0].replace('throw', 'void') + text.slice(end);
    return { name: `${file}:${line} ${rule}`, file, text: changed };
  });
}

/** What is a rule without a throw of its own. */
const CHANGES: [name: string, file: Mutant['file'], from: string, to: string][] = [
  ['shape: another rank', 'gate.ts', 'wanted.length !== shape.length || ', ''],
  ['shape: another size', 'gate.ts', ' || wanted.some((size, axis) => size !== shape[axis])', ''],
  ['frozen tensors are not looked at', 'gate.ts', '  checkFrozen(tensors, expected);\n', ''],
  [
    'frozen: by value, not by bits',
    'gate.ts',
    'Buffer.compare(bytesOf(was), bytesOf(data)) !== 0',
    'was.some((x, i) => x !== data[i])',
  ],
  ['numbers: more of them', 'gate.ts', "keys !== 'epochs,rows' || ", ''],
  ['numbers: epochs', 'gate.ts', 'numbers.epochs !== declaration.epochs || ', ''],
  ['numbers: rows', 'gate.ts', ' || numbers.rows !== rowCount', ''],
  ['metric: more than all rows and all noise', 'metric.ts', ' && sum <= most', ''],
  ['metric: less than no row and all noise', 'metric.ts', 'least <= sum && ', ''],
  ['metric: a count beside a public one', 'metric.ts', 'units !== 0n', 'false'],
  ['metric: units that cannot be', 'metric.ts', '!isPossible(units)', 'false'],
  ['moments: another number of them', 'moments.ts', ' || measured.length !== momentsOf(declaration)', ''],
  ['moments: more than all rows and all noise', 'moments.ts', 'sum > most + noise || ', ''],
  ['moments: less than no row and all noise', 'moments.ts', ' || sum < -noise - (i % 2 === 0 ? most : 0n)', ''],
  ['moments: squares below nothing', 'moments.ts', '(i % 2 === 0 ? most : 0n)', 'most'],
  ['moments: a count beside a public one', 'moments.ts', ': units !== 0n', ': false'],
  ['moments: units that cannot be', 'moments.ts', 'units > most + noise || units < -noise', 'false'],
  ['moments: a mean outside of the range', 'moments.ts', 'Math.min(1, Math.max(-1, ', '(('],
  ['moments: a spread that is none', 'moments.ts', 'Math.max(least, ', '('],
  [
    'passed on, not written anew',
    'gate.ts',
    'const weights = writeSafetensors(tensors);',
    'const weights = output.weights;',
  ],
  ['names are repeated', 'gate.ts', "'the file holds a tensor that the model does not declare'", '`holds ${name}`'],
  [
    'reader: the canonical header',
    'safetensors.ts',
    '!sameBytes(bytes.subarray(0, headerEnd), layout.prefix)',
    'false',
  ],
  ['reader: the end of the offsets', 'safetensors.ts', ' || offsets[1] !== end', ''],
  [
    'reader: an alias of the caller’s memory',
    'safetensors.ts',
    'new Uint8Array(data.buffer).set(bytes.subarray(offset, offset + lengthBytes));',
    '',
  ],
];

const mutants: Mutant[] = [
  ...withoutThrows('gate.ts', /throw refused\(/g),
  ...withoutThrows('safetensors.ts', /throw new SafetensorsError\(/g),
  ...CHANGES.map(([name, file, from, to]): Mutant => {
    const text = source[file] ?? '';
    if (text.split(from).length !== 2) throw new Error(`${name}: "${from}" is not once in ${file}`);
    return { name, file, text: text.replace(from, () => to) };
  }),
];

/** What a copy takes from the product as it is. */
function fromHere(text: string, dir: string): string {
  const away = path.relative(dir, training);
  return text.replaceAll(/'(\.\.?\/[\w./-]+)\.js'/g, (all, name: string) =>
    ['./gate', './metric', './moments', './safetensors'].includes(name) ? all : `'${path.join(away, name)}.js'`,
  );
}

let dir: string;
let failed: Map<string, boolean>;
beforeAll(() => {
  mkdirSync(path.join(root, '.weighbridge'), { recursive: true });
  dir = mkdtempSync(path.join(root, '.weighbridge/mutants-'));
  const unchanged = FILES.map((file) => ({ file, text: source[file] ?? '' }));
  for (const [n, { file, text }] of [...mutants, ...unchanged].entries()) {
    const copy = path.join(dir, String(n));
    mkdirSync(copy);
    for (const name of [...FILES, SPEC_OF[file]])
      writeFileSync(path.join(copy, name), fromHere(name === file ? text : (source[name] ?? ''), copy));
  }
  const config = path.join(dir, 'vitest.config.mjs');
  writeFileSync(
    config,
    `export default { test: { include: ['**/*.spec.ts'], isolate: false, maxWorkers: 1, testTimeout: 60_000 } };`,
  );
  const report = path.join(dir, 'report.json');
  const args = [path.join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--root', dir, '--config', config];
  spawnSync(process.execPath, [...args, '--reporter=json', `--outputFile=${report}`], { cwd: dir, stdio: 'ignore' });
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as {
    testResults: { name: string; status: string }[];
  };
  failed = new Map();
  for (const { name, status } of testResults) {
    const copy = path.relative(dir, name).split(path.sep)[0] ?? '';
    failed.set(copy, failed.get(copy) === true || status === 'failed');
  }
}, 300_000);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('the gate', () => {
  it('passes its specs in copies that nothing was taken out of', () => {
    expect(FILES.map((_, k) => failed.get(String(mutants.length + k)))).toEqual(FILES.map(() => false));
  });

  it.each(mutants.map(({ name }, i) => [name, String(i)]))('fails them without %s', (_name, copy) => {
    expect(failed.get(copy)).toBe(true);
  });
});
