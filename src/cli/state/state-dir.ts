import { existsSync } from 'node:fs';
import path from 'node:path';

/** What the CLI keeps on the user's machine, under one `.weighbridge` directory. Everything in it is private (0700/0600). */
export interface StateDir {
  readonly root: string;
  /** One interrupted or finished `publish`. */
  publish(digest: string): string;
  readonly jobs: string;
  job(orderId: string): string;
  readonly licences: string;
}

/** `$WEIGHBRIDGE_STATE`, else the nearest `.weighbridge` upwards, else one in the working directory. */
export function findStateDir(cwd: string, env: NodeJS.ProcessEnv): StateDir {
  const root = env['WEIGHBRIDGE_STATE'] ?? findUpwards(cwd, '.weighbridge') ?? path.join(cwd, '.weighbridge');
  const jobs = path.join(root, 'jobs');
  return {
    root,
    jobs,
    publish: (digest) => path.join(root, 'publish', digest),
    job: (orderId) => path.join(jobs, orderId),
    licences: path.join(root, 'licences'),
  };
}

/** The nearest existing `relative` in `from` or a directory above it. */
export function findUpwards(from: string, relative: string): string | undefined {
  for (let dir = path.resolve(from); ; dir = path.dirname(dir)) {
    const candidate = path.join(dir, relative);
    if (existsSync(candidate)) return candidate;
    if (dir === path.dirname(dir)) return undefined;
  }
}
