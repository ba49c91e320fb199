import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import pino from 'pino';
import { loadWorkerEnv } from '../../src/platform/index.js';
import type { TrainerIdentity } from '../../src/provenance/index.js';
import { composeWorker, type WorkerPorts } from '../../workers/compose.js';
import { probeBox } from '../../workers/sandbox/probe.js';
import { CrashPlan, dyingAt } from './crash-points.js';

/** The worker as it ships, but for ports that kill the process where the crash plan says, a queue that notices fast, and one look at the sandbox for all. */
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
/** The first worker looks out of a box; those after it on this host take its word, for a look takes as long as a job. */
const probe: typeof probeBox = async (blueprint) => {
  const file = `${process.env.CRASH_PLAN ?? ''}.trainer`;
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as TrainerIdentity;
  const seen = await probeBox(blueprint);
  writeFileSync(file, JSON.stringify(seen));
  return seen;
};
const queue = { lockDuration: 1_500, stalledInterval: 500 };
const worker = composeWorker(env, logger, { bind, queue, sandbox: { probe } });
await worker.start();
process.once('SIGTERM', () => void worker.stop().then(() => process.exit(0)));
