import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync } from 'node:fs';
import path from 'node:path';

const BUILD_LIMIT_MS = 300_000;
let built;

/**
 * Tessera's POSIX driver under the same load, with the batching that serves it best at that many callers. Its program is
 * built from `peers/tessera` into `dir`. @returns rate and latencies, or `skipped` with the reason
 */
export async function tessera({ dir, callers, entryBytes, durationMs }) {
  built ??= build(dir);
  if (built.skipped !== undefined) return built;
  const batch = callers >= 2048 ? ['-batch', '2048', '-age', '20ms'] : [];
  const args = ['-dir', path.join(dir, `tessera-${callers}`), '-callers', callers, '-bytes', entryBytes, ...batch];
  const output = execFileSync(built.binary, [...args, '-duration', `${durationMs}ms`].map(String), {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: durationMs + 60_000,
  });
  return JSON.parse(output);
}

function build(dir) {
  if (spawnSync('go', ['version']).status !== 0) return { skipped: 'Go is not installed' };
  const source = path.join(dir, 'tessera-source');
  mkdirSync(source);
  cpSync(path.join(import.meta.dirname, 'tessera'), source, { recursive: true });
  const binary = path.join(dir, 'tessera');
  const env = { ...process.env, GOFLAGS: '-buildvcs=false' };
  const options = { cwd: source, env, encoding: 'utf8', timeout: BUILD_LIMIT_MS };
  const { status, stderr } = spawnSync('go', ['build', '-o', binary, '.'], options);
  return status === 0
    ? { binary }
    : { skipped: `its program does not build here: ${stderr.trim().split('\n').at(-1)}` };
}
