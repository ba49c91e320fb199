import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

/** Text that must not be in a tracked file, whoever's machine this is. */
const FORBIDDEN = [
  [/\b(TODO|FIXME|XXX)\b/, 'unfinished work: do it, or open an issue'],
  [/\b(it|test|describe)\.only\(/, 'a test that silences the others'],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}/, 'a private key'],
  [/^(<{7}|>{7}) /m, 'a merge conflict'],
];

/** Files whose text comes from elsewhere, or that name what is forbidden in order to forbid it. */
const EXEMPT = /^(package-lock\.json|scripts\/checks\/text\.mjs|examples\/.*\.(csv|parquet)|test\/vectors\/)/;

/**
 * Text in tracked files that belongs to one machine or to nobody: paths of this checkout and home, hosts of the package
 * registries that this machine happens to use, keys, and marks of unfinished work.
 * @param {string} root of the checkout
 * @returns {string[]} one line a finding
 */
export function textErrors(root) {
  const needles = [...machinePaths(root), ...registryHosts(root)];
  return trackedFiles(root)
    .filter((file) => !EXEMPT.test(file))
    .flatMap((file) => {
      const text = readFileSync(path.join(root, file), 'utf8');
      const here = needles.filter((needle) => text.includes(needle)).map((needle) => `names this machine: ${needle}`);
      const marks = FORBIDDEN.filter(([pattern]) => pattern.test(text)).map(([, why]) => why);
      return [...here, ...marks].map((why) => `${file}: ${why}`);
    });
}

function trackedFiles(root) {
  return output('git', ['ls-files', '-z'], root).split('\0').filter(Boolean);
}

/** The checkout, the main checkout of a worktree, and the home folder; `/root` alone is too common a word. */
function machinePaths(root) {
  const common = path.resolve(root, output('git', ['rev-parse', '--git-common-dir'], root).trim());
  return [root, path.dirname(common), homedir()].filter((dir) => dir.split(path.sep).length > 2);
}

/** Hosts of registries that npm and pip are configured to use here, but for the public ones that everybody uses. */
function registryHosts(root) {
  const settings = [
    output('npm', ['config', 'get', 'registry'], root),
    output('python3', ['-m', 'pip', 'config', 'list'], root),
    ...['PIP_INDEX_URL', 'UV_INDEX_URL', 'UV_DEFAULT_INDEX'].map((name) => process.env[name] ?? ''),
  ];
  const hosts = settings.flatMap((text) =>
    [...text.matchAll(/https?:\/\/(?:[^@/\s]*@)?([^/:\s'"]+)/g)].map((m) => m[1]),
  );
  return [...new Set(hosts)].filter((host) => !/(^|\.)(npmjs\.org|pypi\.org|pythonhosted\.org)$/.test(host));
}

/** What a command prints, empty if it cannot run. */
function output(command, args, cwd) {
  const result = spawnSync(command, args, { cwd, encoding: 'utf8', maxBuffer: 1 << 26 });
  return result.status === 0 ? result.stdout : '';
}
