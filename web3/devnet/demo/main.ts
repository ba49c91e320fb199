import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import pc from 'picocolors';
import { startDevnet, type Devnet } from '../devnet.js';
import { repositoryRoot } from '../repository-root.js';
import { negativeControls } from './negative-controls.js';
import { runStory, type StoryContext } from './story.js';
import { Timeline } from './timeline.js';
import { writeSummary } from './summary.js';

/** `npm run demo [--keep]`: the story on two real datasets, then four attacks. Exit code 0 only if everything held. */
const root = repositoryRoot();
const keep = process.argv.includes('--keep');
const outDir = path.join(root, '.weighbridge/demo');
const timeline = new Timeline();

rmSync(outDir, { recursive: true, force: true });
mkdirSync(outDir, { recursive: true });
let devnet: Devnet | undefined;
try {
  timeline.title('Starting a devnet: every network this needs, on this machine');
  devnet = await startDevnet({
    dir: path.join(outDir, 'devnet'),
    distDir: path.join(root, 'dist'),
    onStep: (name, ms) => timeline.add(name, ms, ''),
  });
  const context: StoryContext = { devnet, timeline, root, outDir, distDir: path.join(root, 'dist') };
  const results = await runStory(context);
  const controls = await negativeControls(context, results);
  const held = writeSummary(context, results, controls);
  if (keep) await keepRunning(devnet);
  await devnet.stop();
  process.exit(held ? 0 : 1);
} catch (error) {
  console.error(pc.red(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`));
  console.error(`Logs of every service are in ${path.join(outDir, 'devnet/logs')}.`);
  await devnet?.stop();
  process.exit(1);
}

async function keepRunning({ layout }: Devnet): Promise<void> {
  console.log(`
${pc.bold('Left running.')} Try, in another terminal of this checkout:
  export WEIGHBRIDGE_NETWORK=${layout.networkFile}
  npx weighbridge search digits
  npx weighbridge verify ${path.join(outDir, 'receipt.json')} --trust ${path.join(outDir, 'trust.json')} --online
  WEIGHBRIDGE_KEY_FILE=${layout.keyFile('buyer')} npx weighbridge jobs
Ctrl-C stops it.`);
  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
}
