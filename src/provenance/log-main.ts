import { pino } from 'pino';
import { isWeighbridgeError } from '../kernel/index.js';
import { anchorReader } from './log/anchor-reader.js';
import { loadLogConfig } from './log/config.js';
import { LISTEN_BACKLOG, logHttp } from './log/http.js';
import { LogService } from './log/log-service.js';
import { logMetrics } from './log/metrics.js';
import { WitnessCosigner } from './log/witness-cosigner.js';

/**
 * The log process: holds the log's key, and is the only one that does. Environment: see `log/config.ts`. Ready when
 * `/readyz` answers 200; a second process on the same database stays on standby and takes over when the first is gone.
 */
async function main(): Promise<void> {
  const config = loadLogConfig(process.env);
  const { env, network, signer, addToken, storage } = config;
  const logger = pino({ name: 'log', level: env.LOG_LEVEL });
  const anchor = { chainId: network.chainId, contract: network.contracts.logAnchor };
  const metrics = logMetrics({
    size: () => (service.active ? service.committed().edge.size : 0),
    published: () => (service.active ? service.published().size : 0),
    queued: () => service.queued,
    active: () => service.active,
  });
  const service: LogService = new LogService(
    {
      databaseUrl: env.DATABASE_URL,
      signer,
      readAnchor: anchorReader(network.rpcUrl, network.contracts.logAnchor),
      logKeys: network.log.vkeys,
      cosigner: new WitnessCosigner({
        origin: signer.origin,
        anchor,
        witnesses: network.witnesses,
        onConflict: (witness, detail) => logger.error({ witness, detail }, 'a witness has seen another history'),
      }),
      checkpointMs: env.LOG_CHECKPOINT_MS,
      onWaiting: (error) => logger.warn({ err: error }, 'the newest checkpoint waits for its cosignatures'),
      storage,
      onExportError: (error) => logger.warn({ err: error }, 'tiles are not exported now; served from the database'),
      windowMs: env.LOG_WINDOW_MS,
      maxBatch: env.LOG_MAX_BATCH,
      maxQueue: env.LOG_MAX_QUEUE,
      depth: 2,
      events: metrics,
    },
    {
      active: (size) => logger.info({ size, origin: signer.origin }, 'sequencing'),
      inactive: (error) => logger.warn({ err: error }, 'not sequencing; will try again'),
    },
  );
  const app = logHttp({ service, metrics, addToken, logger });
  const stop = (): void => {
    service.stop().catch((error: unknown) => logger.error({ err: error }, 'stopping'));
  };
  process.once('SIGTERM', stop).once('SIGINT', stop);
  await app.listen({ host: env.LOG_HOST, port: env.LOG_PORT, backlog: LISTEN_BACKLOG });
  try {
    await service.run();
  } finally {
    await app.close();
  }
}

main().catch((error: unknown) => {
  const lines = isWeighbridgeError(error) ? [`${error.code}: ${error.message}`, error.next] : [String(error)];
  process.stderr.write(`${lines.join('\n')}\n`);
  process.exitCode = 1;
});
