import path from 'node:path';
import pc from 'picocolors';
import { startDevnet } from './devnet.js';
import { repositoryRoot } from './repository-root.js';

/** `npm run dev`: keeps a whole devnet up until Ctrl-C. Its state stays in `.weighbridge` for the next start. */
const root = repositoryRoot();
const dir = path.resolve(process.env.WEIGHBRIDGE_DEVNET_DIR ?? path.join(root, '.weighbridge'));
const devnet = await startDevnet({
  dir,
  distDir: path.join(root, 'dist'),
  // A devnet's proving period is a minute: who takes a copy away sees within two of them what becomes of it.
  env: { STORAGE_WATCH_EVERY_MS: '15000' },
  onStep: (name, ms) => console.log(`  ${pc.green('✓')} ${name.padEnd(18)} ${pc.dim(`${(ms / 1000).toFixed(1)} s`)}`),
});
const { network, layout } = devnet;
console.log(`
${pc.bold('Weighbridge devnet is up.')}
  API       ${network.apiUrl}/graphql
  log       ${network.log.url}/checkpoint
  chain     ${network.rpcUrl} (chain id ${network.chainId})
  network   ${layout.networkFile}
  logs      ${layout.logs}

Try, in another terminal of this checkout:
  npx weighbridge publish examples/digits.csv --label digit --title "Handwritten digits" --price 5 \\
    --terms examples/terms.json --columns examples/digits.columns.json --key-file ${layout.keyFile('seller')}
  npx weighbridge search digits
  npx weighbridge train --dataset <id> --recipe mlp --epochs 20 --out weights.safetensors --key-file ${layout.keyFile('buyer')}

Ctrl-C stops it; its state stays in ${dir}.`);
let stopping = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (stopping) return;
    stopping = true;
    console.log('\nstopping ...');
    void devnet.stop().then(() => process.exit(0));
  });
}
