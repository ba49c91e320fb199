import path from 'node:path';

/** `dist`, as global-setup.ts built it from the sources: for tests that start processes of ours. */
export function distDir(): string {
  return path.resolve(import.meta.dirname, '../../dist');
}
