import { formatWei } from '../../kernel/index.js';
import type { Cli } from '../cli.js';
import { table } from '../ui/table.js';
import { counted, plain, shortId, time } from '../ui/text.js';

/** Lists datasets, newest first. */
export async function search(cli: Cli, words: string, options: { first: number; after?: string }): Promise<void> {
  const api = await cli.api();
  const page = await api.datasets(words === '' ? undefined : words, options.first, options.after);
  const { out } = cli.ui;
  cli.ui.result(page, () => {
    if (page.nodes.length === 0) return [words === '' ? 'No dataset is listed yet.' : `No dataset matches "${words}".`];
    const rows = page.nodes.map((dataset) => [
      out.bold(shortId(dataset.id)),
      plain(dataset.title) + (dataset.revoked ? out.red(' (revoked)') : ''),
      `${formatWei(dataset.priceWei)} USDFC`,
      counted(dataset.rowCount, 'row'),
      time(dataset.listedAt),
    ]);
    const open = page.nodes.find(({ revoked }) => !revoked);
    const { hasNextPage, endCursor } = page.pageInfo;
    return [
      ...table([['dataset', 'title', 'a run', 'size', 'listed'].map(out.dim), ...rows]),
      ...(hasNextPage && endCursor !== null
        ? ['', `${page.totalCount} in all; more with --after ${plain(endCursor)}`]
        : []),
      ...(open === undefined ? [] : ['', `Try next: weighbridge show ${shortId(open.id)}`]),
    ];
  });
}
