import { formatWei } from '../../kernel/index.js';
import type { Cli } from '../cli.js';
import { shortId } from '../ui/text.js';

/** Asks for the end of a job; its refund comes by the ordinary way of a refused one. */
export async function cancelJob(cli: Cli, id: string): Promise<void> {
  const api = await cli.api();
  const found = await api.job(id);
  const job = await api.cancelJob(found.id);
  cli.ui.result(job, () => [
    `Cancelled: job ${shortId(job.id)} ends with a logged refusal, and ${formatWei(job.priceWei)} USDFC come back to you.`,
    'What a private run took of the budget stays spent if it had begun to train.',
    '',
    `Try next: weighbridge job ${shortId(job.id)}`,
  ]);
}
