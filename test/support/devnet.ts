import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { mustRun, type CliOptions } from '../../web3/devnet/demo/cli.js';
import { startDevnet, type Devnet, type DevnetOptions } from '../../web3/devnet/devnet.js';
import { repositoryRoot } from '../../web3/devnet/repository-root.js';
import type { Service } from '../../web3/devnet/service.js';
import { distDir } from './build.js';
import { preparePostgres } from './postgres.js';

/** A whole devnet in a folder of its own, and the CLI of those who use it. */
export interface TestDevnet extends Service {
  devnet: Devnet;
  /** Where the CLI runs. */
  dir: string;
  cli: Record<'seller' | 'buyer', CliOptions>;
}

/**
 * Starts one. Its boxes start with their jobs: those that wait for the next one would take the time of whatever runs beside.
 * @param options - a test may set other variables of log, API and worker
 */
export async function startTestDevnet(options: Pick<DevnetOptions, 'env' | 'proving'> = {}): Promise<TestDevnet> {
  const dir = mkdtempSync(path.join(tmpdir(), 'weighbridge-devnet-'));
  const net = path.join(dir, 'net');
  await preparePostgres(path.join(net, 'postgres'));
  const env = { SANDBOX_WARM_BOXES: '0', ...options.env };
  const devnet = await startDevnet({ ...options, dir: net, distDir: distDir(), env });
  const as = (who: 'seller' | 'buyer'): CliOptions => ({
    distDir: distDir(),
    networkFile: devnet.layout.networkFile,
    keyFile: devnet.layout.keyFile(who),
    cwd: dir,
  });
  return {
    devnet,
    dir,
    cli: { seller: as('seller'), buyer: as('buyer') },
    stop: async () => {
      await devnet.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

export const termsFile = path.join(repositoryRoot(), 'examples/terms.json');

/** Publishes rows of `a`, `b` (0 to 9) and `even` (0 or 1) from `small.csv` for 5 USDFC. @returns the dataset's id */
export async function publishSmall({ dir, cli }: TestDevnet, rows: string[]): Promise<string> {
  writeFileSync(path.join(dir, 'small.csv'), ['a,b,even', ...rows, ''].join('\n'));
  const columns = { a: { range: [0, 9] }, b: { range: [0, 9] }, even: { vocabulary: [0, 1] } };
  writeFileSync(path.join(dir, 'small.columns.json'), JSON.stringify(columns));
  const args = ['publish', 'small.csv', '--label', 'even', '--title', 'Small', '--price', '5', '--terms', termsFile];
  return ((await mustRun(args, cli.seller)) as { id: string }).id;
}
