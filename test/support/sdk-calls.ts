import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

const IMPORT = /^import (?:\* as (\w+)|\{([^}]*)\}) from '@filoz\/synapse-core\/([a-z0-9-]+)';/gm;

/** The functions of the SDK that the files of a folder call, as `module.name`. */
export async function sdkCallsOf(folder: string): Promise<string[]> {
  const calls = new Set<string>();
  for (const name of (await readdir(folder)).filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts'))) {
    const text = await readFile(path.join(folder, name), 'utf8');
    for (const [, namespace, names = '', module = ''] of text.matchAll(IMPORT)) {
      const used =
        namespace === undefined
          ? names
              .split(',')
              .map((one) => one.trim())
              .filter((one) => new RegExp(`\\b${one}\\(`).test(text))
          : [...text.matchAll(new RegExp(`\\b${namespace}\\.(\\w+)\\(`, 'g'))].map(([, one = '']) => one);
      for (const one of used) if (one !== '') calls.add(`${module}.${one}`);
    }
  }
  return [...calls].toSorted();
}
