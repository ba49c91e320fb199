import pino from 'pino';
import { loadWorkerEnv, runProgram } from '../src/platform/index.js';
import { composeWorker } from './compose.js';

/** A worker: takes jobs, settles them, and relays records to Ceramic. Ends cleanly on SIGTERM; SIGKILL loses nothing. */
async function main(): Promise<void> {
  const env = loadWorkerEnv();
  const logger = pino({ level: env.LOG_LEVEL, base: { role: 'worker' } });
  const worker = composeWorker(env, logger);
  await worker.start();
  logger.info({ port: env.WORKER_PORT }, 'worker is ready');
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      logger.info({ signal }, 'worker stops');
      void worker.stop().then(() => process.exit(0));
    });
  }
}

await runProgram(main);
