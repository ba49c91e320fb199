import { formatWei } from '../../kernel/index.js';
import type { Cli } from '../cli.js';
import { table } from '../ui/table.js';
import { plain, shortId, time } from '../ui/text.js';

/** Lists the caller's jobs. */
export async function listJobs(cli: Cli, options: { first: number; after?: string }): Promise<void> {
  const page = await (await cli.api()).jobs(options.first, options.after);
  const { out } = cli.ui;
  cli.ui.result(page, () => {
    if (page.nodes.length === 0) return ['You have no jobs. Try: weighbridge search'];
    const rows = page.nodes.map((job) => [
      out.bold(shortId(job.id)),
      job.state === 'settled' ? out.green(job.state) : job.state === 'refunded' ? out.yellow(job.state) : job.state,
      plain(job.dataset.title),
      `${formatWei(job.priceWei)} USDFC`,
      time(job.createdAt),
      plain(job.reason ?? ''),
    ]);
    const { hasNextPage, endCursor } = page.pageInfo;
    return [
      ...table([['job', 'state', 'dataset', 'price', 'begun', ''].map(out.dim), ...rows]),
      ...(hasNextPage && endCursor !== null
        ? ['', `${page.totalCount} in all; more with --after ${plain(endCursor)}`]
        : []),
    ];
  });
}
