// Bundles programs: what they share is in common files, what they import at need stays apart. To find, read and link the
// thousands of files of their packages one by one is most of a start, and a devnet is a dozen and a half of starts.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
/** What decides about a bundle beside the code of ours in it. */
const RULES = ['package-lock.json', 'scripts/bundle.mjs'].map((file) => path.join(root, file));
const EXTERNAL = [
  // Machine code, which is loaded from beside its package. pg looks whether somebody installed this one; nobody does.
  /^@duckdb\//,
  /^@chainsafe\/hashtree$/,
  /^classic-level$/,
  /^msgpackr-extract$/,
  /^pg-native$/,
  // Of the Ceramic engine: what looks for its own files, by names that it makes up.
  /^@zondax\//,
  /^ipfs-utils/,
  /^knex$/,
];
/** Packages that ask for others which they can do without, and find out at run time that they are absent. */
const ASK_FOR_MORE = /node_modules\/@nestjs\//;
const RECORD = 'bundle.json';

/** Threads, which programs look for beside themselves. */
export const THREADS = {
  'bundle-worker': 'src/provenance/fsck/bundle-worker.js',
  'file-hash-thread': 'web3/filecoin/store/file-hash-thread.js',
  'sealing-thread': 'web3/filecoin/sealing/sealing-thread.js',
  'wrapping-thread': 'web3/lit/wrapping-thread.js',
};

/**
 * Bundles compiled programs into one folder, unless it holds these already. Files of the build before stay, for the
 * processes that run them and have yet to import some.
 * @param from - folder of compiled code
 * @param entries - a program's name in `out` and its file, from there
 * @returns whether it bundled anything
 * @throws Error if a package or a file of ours is not found
 */
export async function bundlePrograms(from, entries, out) {
  const recordFile = path.join(out, RECORD);
  const before = existsSync(recordFile) ? JSON.parse(readFileSync(recordFile, 'utf8')) : undefined;
  const digest = (inputs) => digestOf([...RULES, ...inputs], JSON.stringify([entries, from]));
  if (before !== undefined && before.digest === digest(before.inputs)) return false;
  mkdirSync(out, { recursive: true });
  rmSync(recordFile, { force: true });

  const { rolldown } = await import('rolldown');
  const inputs = [];
  const input = Object.fromEntries(Object.entries(entries).map(([name, file]) => [name, path.join(from, file)]));
  const build = await rolldown({
    input,
    platform: 'node',
    external: EXTERNAL,
    plugins: [sourceMaps(inputs)],
    onLog: refuse,
  });
  const { output } = await build.write({
    dir: out,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
    // Nest and our errors go by the names of classes.
    keepNames: true,
    sourcemap: true,
    sourcemapExcludeSources: true,
    comments: { legal: true, annotation: false, jsdoc: false },
  });
  await build.close();

  const files = output.map(({ fileName }) => fileName);
  const kept = new Set([RECORD, ...files, ...(before?.files ?? [])]);
  for (const name of readdirSync(out)) if (!kept.has(name)) rmSync(path.join(out, name));
  const chunks = output.filter(({ type }) => type === 'chunk');
  const modules = Object.fromEntries(
    chunks.map(({ fileName, moduleIds }) => [fileName, moduleIds.map((file) => path.relative(root, file))]),
  );
  const record = { digest: digest(inputs), inputs, files, modules };
  writeFileSync(recordFile, JSON.stringify(record));
  return true;
}

/** SHA-256 over names and contents of files; undefined if one is not there. */
export function digestOf(files, more = '') {
  const hash = createHash('sha256').update(more);
  for (const file of files) {
    if (!existsSync(file)) return undefined;
    hash.update(file).update(createHash('sha256').update(readFileSync(file)).digest());
  }
  return hash.digest('hex');
}

/**
 * Maps lead from our own lines to their TypeScript. Of packages there are none: Node reads a map whole at each start.
 * @param inputs - gets the files of ours
 */
function sourceMaps(inputs) {
  return {
    name: 'source maps',
    load: {
      filter: { id: /\.[cm]?js$/ },
      handler: (file) => {
        if (!path.isAbsolute(file)) return null;
        const code = readFileSync(file, 'utf8');
        if (file.includes('/node_modules/')) return { code, map: { mappings: '' } };
        inputs.push(file);
        return existsSync(`${file}.map`) ? { code, map: readFileSync(`${file}.map`, 'utf8') } : { code };
      },
    },
  };
}

/** What is not found now would be missing at a start; other warnings are about the style of packages. */
function refuse(level, log) {
  if (log.code === 'UNRESOLVED_IMPORT' && !ASK_FOR_MORE.test(log.message)) throw new Error(log.message);
}
