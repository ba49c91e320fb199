import { spawnSync } from 'node:child_process';
import path from 'node:path';

/** Builds `dist` once for all specs of a run: those that start processes of ours run it. */
export default function setup(): void {
  const root = path.resolve(import.meta.dirname, '../..');
  const result = spawnSync(process.execPath, ['scripts/build.mjs'], { cwd: root, encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`the sources do not compile:\n${result.stdout}${result.stderr}`);
}
