import { formatWei } from '../../kernel/index.js';
import { EPOCHS_PER_DAY, type CopyState, type EndedCopyState } from '../../storage/index.js';
import type { Cli } from '../cli.js';
import { facts, table } from '../ui/table.js';
import { plain, time } from '../ui/text.js';
import { runwayOf } from './runway.js';

/** Shows the copies of a dataset and the deposit that pays for them, as the chain has them. */
export async function storageStatus(cli: Cli, id: string): Promise<void> {
  const [network, api] = await Promise.all([cli.network(), cli.api()]);
  const dataset = await api.dataset(id);
  const storage = await cli.adapters.storageNetwork(network);
  const pieceCids = dataset.manifest.pieces.map(({ pieceCid }) => pieceCid);
  const [copies, ended, account] = await Promise.all([
    storage.copiesOf(dataset.seller, dataset.datasetId, pieceCids),
    storage.endedCopiesOf(dataset.seller, dataset.datasetId),
    storage.accountOf(dataset.seller),
  ]);
  const found = await Promise.all(
    copies.map(async (copy) => ({ ...copy, presence: await storage.presence(copy, pieceCids) })),
  );
  const runway = runwayOf(account);
  const deposit = { ...account, runwayDays: runway.days };
  cli.ui.result({ dataset: dataset.id, copies: found, ended, deposit }, () => [
    cli.ui.out.bold(plain(dataset.title)),
    '',
    ...copyLines(found),
    ...endedLines(ended),
    '',
    ...facts([
      ['deposit', `${formatWei(account.depositWei)} USDFC, of which ${formatWei(account.availableWei)} free`],
      ['costs', `${formatWei(account.ratePerEpochWei * EPOCHS_PER_DAY)} USDFC a day, for all copies of this seller`],
      ['lasts', runway.words],
    ]),
  ]);
}

function copyLines(copies: (CopyState & { presence: string })[]): string[] {
  if (copies.length === 0) return ['No copy is on chain.'];
  return table([
    ['provider', 'data set', 'pieces', 'last proof', 'faults', 'paid until', 'now'],
    ...copies.map((copy) => [
      `${copy.providerId} ${copy.serviceUrl}`,
      String(copy.dataSetId),
      String(copy.pieceCount),
      copy.lastProvenAt === null ? 'none yet' : time(copy.lastProvenAt.toISOString()),
      String(copy.faultPeriods + copy.overduePeriods),
      copy.paidUntil === null ? 'no end' : time(copy.paidUntil.toISOString()),
      { held: 'there', missing: 'pieces missing', silent: 'does not answer' }[copy.presence] ?? copy.presence,
    ]),
  ]);
}

/** Copies that are delisted: their rails run to their ends, and give back then what was not earned. */
function endedLines(ended: EndedCopyState[]): string[] {
  if (ended.length === 0) return [];
  return table([
    ['ended at', 'data set', 'ends', 'held for it'],
    ...ended.map((copy) => [
      `${copy.providerId} ${copy.serviceUrl}`,
      String(copy.dataSetId),
      copy.endsAt === null ? 'never' : time(copy.endsAt.toISOString()),
      copy.settled ? 'nothing: settled' : `${formatWei(copy.heldWei)} USDFC${whatOfIt(copy)}`,
    ]),
  ]);
}

function whatOfIt({ neverProved, epoch, endEpoch }: EndedCopyState): string {
  if (neverProved)
    return ': its provider never proved, so nothing is settled and it stays held (docs/filecoin.md, "Money")';
  return epoch > endEpoch ? ': "weighbridge storage withdraw" settles it' : '';
}
