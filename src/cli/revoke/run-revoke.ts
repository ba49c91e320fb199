import type { Bytes32 } from '../../kernel/index.js';
import { licenceId } from '../licences/licence-id.js';
import type { Cli } from '../cli.js';
import { facts } from '../ui/table.js';
import { shortId, time } from '../ui/text.js';
import { revokeConsent } from './revoke.js';

/** Revokes a whole dataset version. */
export async function runRevoke(cli: Cli, dataset: string): Promise<void> {
  await run(cli, dataset, null);
}

/** Revokes one licence; its dataset is looked up. */
export async function runRevokeLicence(cli: Cli, licence: string): Promise<void> {
  const id = licenceId(licence);
  const api = await cli.api();
  await run(cli, await api.datasetOfLicence(id), id);
}

async function run(cli: Cli, dataset: string, licence: Bytes32 | null): Promise<void> {
  const [network, account, api] = await Promise.all([cli.network(), cli.account(), cli.api()]);
  const chain = await cli.adapters.sellerChain(network, account);
  const done = await revokeConsent(dataset, licence, {
    ui: cli.ui,
    network,
    account,
    api,
    chain,
    now: () => new Date(),
  });
  cli.ui.result(done, () => [
    done.already
      ? `It was revoked already, at ${time(done.revokedAt)}. Nothing changed.`
      : cli.ui.out.green('Revoked.'),
    ...facts([
      ['dataset', done.keyId],
      ...(done.licence === null ? [] : [['licence', done.licence] as [string, string]]),
      ['transaction', done.transaction],
      ['log index', String(done.logIndex)],
    ]),
    '',
    'No further key is released, and jobs in flight stop at their next step. What was trained before stays trained:',
    'revoking does not unlearn.',
    '',
    `Try next: weighbridge blast-radius ${shortId(done.keyId)}`,
  ]);
}
