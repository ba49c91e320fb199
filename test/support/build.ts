import { spawnSync } from 'node:child_process';
import path from 'node:path';

let built: string | undefined;

/** `dist`, compiled from the sources as they are now: for tests that start processes of ours. */
export function distDir(): string {
  if (built !== undefined) return built;
  const root = path.resolve(import.meta.dirname, '../..');
  const tsc = path.join(root, 'node_modules/typescript7/bin/tsc');
  const result = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root, encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`the sources do not compile:\n${result.stdout}${result.stderr}`);
  return (built = path.join(root, 'dist'));
}
