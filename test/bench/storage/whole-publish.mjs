// Memory of a whole `weighbridge publish`, as a seller runs it: DuckDB, SDKs, threads and all, on a devnet of its own.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { startDevnet } from '../../../dist/web3/devnet/devnet.js';
import { TABLES, writeBigCsv } from '../support/big-csv.mjs';

const root = path.resolve(import.meta.dirname, '../../..');
const MIB = 2 ** 20;
const TARGET_BYTES = 300e6;
/** What is read is the highest so far, so only what comes in the last moment of the process is missed. */
const LOOK_EVERY_MS = 50;

/** @param sizes - in MiB of CSV, of each of the tables */
export async function measureWholePublishes({ dir, sizes, say, figure }) {
  const devnet = await startDevnet({ dir: path.join(dir, 'devnet'), distDir: path.join(root, 'dist') });
  try {
    for (const mebibytes of sizes) {
      for (const [name, table] of Object.entries(TABLES)) {
        const file = path.join(dir, `${name}.csv`);
        await writeBigCsv(file, mebibytes * MIB, table);
        const of = `the whole command, ${mebibytes} MiB of CSV (${name})`;
        say(of);
        const { highestBytes, ms } = await publish(file, devnet.layout, dir);
        await rm(file);
        figure(`${of}: memory at its highest`, highestBytes / 1e6, 'MB', 'at most 300', highestBytes <= TARGET_BYTES);
        figure(`${of}: time`, ms / 1000, 's');
      }
    }
  } finally {
    await devnet.stop();
  }
}

async function publish(file, layout, cwd) {
  const offer = ['--title', path.basename(file), '--price', '1', '--terms', path.join(root, 'examples/terms.json')];
  const env = {
    ...process.env,
    WEIGHBRIDGE_NETWORK: layout.networkFile,
    WEIGHBRIDGE_KEY_FILE: layout.keyFile('seller'),
  };
  const from = performance.now();
  const args = ['publish', file, ...offer, '--accept-personal-data', '--json'];
  const child = spawn(process.execPath, [path.join(root, 'dist/programs/cli.js'), ...args], {
    cwd,
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
  let highestBytes = Number.NaN;
  const looking = setInterval(() => (highestBytes = highestBytesOf(child.pid) ?? highestBytes), LOOK_EVERY_MS);
  const code = await new Promise((resolve) => child.once('close', resolve));
  clearInterval(looking);
  if (code !== 0) throw new Error(`publish exited with ${code}\n${stderr}`);
  return { highestBytes, ms: performance.now() - from };
}

/** VmHWM of /proc, which is in KiB; undefined where there is none, or when the process is gone. */
function highestBytesOf(pid) {
  try {
    const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
  } catch {
    return undefined;
  }
}
