import path from 'node:path';
import { rolldown } from 'rolldown';

const root = path.resolve(import.meta.dirname, '../../..');

/** Bundles and imports a module of the tests, which are not compiled to dist. Packages stay outside. */
export async function loadTypeScript(input) {
  const bundle = await rolldown({ input, platform: 'node', external: /^[^./]/ });
  const file = path.join(root, '.weighbridge/bench', `${path.basename(input, '.ts')}.mjs`);
  await bundle.write({ file, format: 'esm', codeSplitting: false });
  await bundle.close();
  return import(file);
}
