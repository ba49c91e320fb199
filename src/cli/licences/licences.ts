import { licenceId } from './licence-id.js';
import type { Cli } from '../cli.js';
import { facts, table } from '../ui/table.js';
import { shortId, time } from '../ui/text.js';

/** The account's licences, newest first, with what it said that they are for. */
export async function listLicences(cli: Cli, { limit }: { limit: number }): Promise<void> {
  const { nodes, totalCount } = await (await cli.api()).licences(limit);
  cli.ui.result({ licences: nodes, total: totalCount }, () =>
    nodes.length === 0
      ? ['No licences yet.', '', 'Try next: weighbridge train --help']
      : [
          ...table([
            ['licence', 'dataset', 'purpose', 'until', 'log index'].map(cli.ui.out.dim),
            ...nodes.map((one) => [
              one.id,
              shortId(one.dataset.id),
              one.purpose,
              time(one.validUntil),
              String(one.logIndex),
            ]),
          ]),
          '',
          `${nodes.length} of ${totalCount}`,
        ],
  );
}

/** Erases what the account stated under one licence. */
export async function eraseDetail(cli: Cli, licence: string): Promise<void> {
  const id = licenceId(licence);
  const erased = await (await cli.api()).erase(id);
  cli.ui.result(erased, () => [
    cli.ui.out.green('Erased.'),
    ...facts([
      ['licence', erased.id],
      ['purpose', erased.purpose],
      ['log index', String(erased.logIndex)],
    ]),
    '',
    'The record in the log holds as before, and so does every receipt: it has a commitment that nobody can open any more.',
    'Copies that you made yourself, on your disk for instance, are yours to delete.',
  ]);
}
