import { existsSync } from 'node:fs';
import path from 'node:path';

/** The checkout that this code runs from, whether as TypeScript or from `dist`. @throws Error outside a checkout */
export function repositoryRoot(): string {
  let dir = import.meta.dirname;
  while (!existsSync(path.join(dir, 'package.json'))) {
    if (dir === path.dirname(dir)) throw new Error('not inside a checkout of weighbridge');
    dir = path.dirname(dir);
  }
  return dir;
}
