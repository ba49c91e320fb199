import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { deal } from './dealer.js';

const USAGE = 'usage: dealer --threshold 2 --out <folder> <passphrase file of node 1> <of node 2> <of node 3> ...';

/** Deals a network key at the command line and prints its public part, which KeyNodeStaking is deployed with. */
async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { threshold: { type: 'string' }, out: { type: 'string' } },
  });
  const { threshold, out } = values;
  if (threshold === undefined || out === undefined || positionals.length === 0) throw new Error(USAGE);
  mkdirSync(out, { recursive: true, mode: 0o700 });
  const recipients = positionals.map((file, i) => ({
    shareFile: path.join(out, `share-${i + 1}.json`),
    passphrase: readFileSync(file, 'utf8').trim(),
  }));
  process.stdout.write(`${await deal({ threshold: Number(threshold), recipients })}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`dealer: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
