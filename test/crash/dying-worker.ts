import pino from 'pino';
import { loadWorkerEnv } from '../../src/platform/index.js';
import { composeWorker, type WorkerPorts } from '../../workers/compose.js';
import { CrashPlan, dyingAt } from './crash-points.js';

/** The worker as it ships, but for ports that kill the process where the crash plan says, and a queue that notices fast. */
const plan = new CrashPlan(process.env.CRASH_PLAN ?? '');
const env = loadWorkerEnv();
const logger = pino({ level: env.LOG_LEVEL, base: { role: 'dying-worker' } });
const bind = (ports: WorkerPorts): WorkerPorts => ({
  ...ports,
  jobs: dyingAt(plan, 'jobs', ports.jobs, ['transition', 'patch', 'fixRecord']),
  log: dyingAt(plan, 'log', ports.log, ['append']),
  chain: dyingAt(plan, 'chain', ports.chain, ['anchorAndRecord', 'anchorAndSettle', 'anchorAndRefund']),
  vault: dyingAt(plan, 'vault', ports.vault, ['unwrap']),
  trainer: dyingAt(plan, 'trainer', ports.trainer, ['train']),
  blobs: dyingAt(plan, 'blobs', ports.blobs, ['put']),
});
const worker = composeWorker(env, logger, { bind, queue: { lockDuration: 1_500, stalledInterval: 500 } });
await worker.start();
process.once('SIGTERM', () => void worker.stop().then(() => process.exit(0)));
