import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { repositoryRoot } from '../../web3/devnet/repository-root.js';

/** Everything compiled, the tests' own programs too, apart from `dist`: for tests that run a test program as a process. */
export function testDistDir(): string {
  const root = repositoryRoot();
  const out = path.join(root, '.weighbridge/test-dist');
  const tsc = path.join(root, 'node_modules/typescript7/bin/tsc');
  const args = [tsc, '-p', 'tsconfig.json', '--outDir', out, '--tsBuildInfoFile', path.join(out, '.tsbuildinfo')];
  const result = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`the sources do not compile:\n${result.stdout}${result.stderr}`);
  return out;
}
