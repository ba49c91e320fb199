import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { bundlePrograms, THREADS } from '../../scripts/bundle.mjs';
import { repositoryRoot } from '../../web3/devnet/repository-root.js';

/**
 * A program of the tests, compiled and bundled as ours are, apart from `dist`: for tests that run it as a process.
 * @param name - of a file in the folder `test`, without `.ts`
 * @returns the file to start
 */
export async function testProgram(name: string): Promise<string> {
  const root = repositoryRoot();
  const out = path.join(root, '.weighbridge/test-dist');
  const tsc = path.join(root, 'node_modules/typescript7/bin/tsc');
  const args = [tsc, '-p', 'tsconfig.json', '--outDir', out, '--tsBuildInfoFile', path.join(out, '.tsbuildinfo')];
  const result = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`the sources do not compile:\n${result.stdout}${result.stderr}`);
  const programs = path.join(out, 'programs', name);
  await bundlePrograms(out, { main: `test/${name}.js`, ...THREADS }, programs);
  return path.join(programs, 'main.js');
}
