import type { Logger } from 'pino';
import { anchorWhenDue, Poller, type AnchorChain, type Found, type LogClient } from '../src/provenance/index.js';

/** How often the chain is asked when it was anchored last. */
const LOOK_EVERY_MS = 30_000;

/** Keeps the anchor close behind the log, also while no job runs. */
export function startAnchoring(
  log: Pick<LogClient, 'checkpoint' | 'tile'>,
  chain: AnchorChain,
  { everyMs, logger }: { everyMs: number; logger: Logger },
): { stop(): Promise<void> } {
  const step = async (): Promise<Found> => {
    const size = await anchorWhenDue(log, chain, everyMs);
    if (size === undefined) return 'nothing';
    logger.info({ size }, 'log anchored');
    return 'some';
  };
  const poller = new Poller(step, { everyMs: Math.min(everyMs, LOOK_EVERY_MS) }, (err) =>
    logger.warn({ err }, 'anchoring failed, will be tried again'),
  );
  poller.start();
  return poller;
}
