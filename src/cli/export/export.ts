import { existsSync } from 'node:fs';
import { WeighbridgeError } from '../../kernel/index.js';
import {
  historyOf,
  openLogSource,
  toOpenLineage,
  toProv,
  toSlsa,
  type History,
  type RecordedEntry,
} from '../../provenance/index.js';
import { parseReceipt, readRecord, RECEIPT_RECORDS, verifyReceipt, type Trust } from '../../provenance/verify/index.js';
import { signedHead } from '../audit/log-reader.js';
import { scanLog } from '../audit/scan.js';
import type { Cli } from '../cli.js';
import { writeFileAtomic } from '../state/atomic-file.js';
import { readBytes, readTrust } from '../verify/read-files.js';
import { assertSameDeployment } from '../verify/same-deployment.js';
import { counted } from '../ui/text.js';

export type ExportFormat = 'prov' | 'openlineage' | 'slsa';

/** Exports the history of a model, from its receipt and without a network, or of a dataset, from the log. */
export async function exportHistory(
  cli: Cli,
  subject: string,
  options: { as: ExportFormat; trust?: string; out?: string },
): Promise<void> {
  const { trust } = await readTrust(cli, options.trust);
  const records = existsSync(subject) ? await ofReceipt(subject, trust) : await ofDataset(cli, subject, trust);
  const document = inFormat(historyOf(records), options.as, trust);
  if (options.out === undefined) return cli.ui.result(document, () => [JSON.stringify(document, null, 2)]);
  await writeFileAtomic(options.out, `${JSON.stringify(document, null, 2)}\n`, 0o644);
  cli.ui.result({ file: options.out, format: options.as, records: records.length }, () => [
    `${options.out}: ${counted(records.length, 'record')} as ${options.as}`,
  ]);
}

async function ofReceipt(file: string, trust: Trust): Promise<RecordedEntry[]> {
  const bytes = await readBytes(file);
  const { ok, checks } = await verifyReceipt(bytes, trust);
  if (ok) {
    const { records } = parseReceipt(bytes);
    return RECEIPT_RECORDS.map((type) => readRecord(records, type)).map(({ entry, proof: { index } }) => ({
      index,
      entry,
    }));
  }
  const failed = checks.find((check) => !check.ok);
  throw new WeighbridgeError(
    'RECEIPT_INVALID',
    `${failed?.name ?? 'file'}: ${failed?.detail ?? 'nothing was checked'}`,
    {
      next: `See all of it with "weighbridge verify ${file}". What does not hold is not exported.`,
    },
  );
}

async function ofDataset(cli: Cli, dataset: string, trust: Trust): Promise<RecordedEntry[]> {
  const network = await cli.network();
  assertSameDeployment(network, trust);
  const log = openLogSource({ url: network.log.url });
  const { entries } = await scanLog(log, await signedHead(log, trust), trust, dataset);
  const wrong = entries.find(({ problem }) => problem !== undefined);
  if (wrong === undefined) return entries;
  throw new WeighbridgeError('PROOF_INVALID', `record ${wrong.index}: ${wrong.problem ?? ''}`, {
    next: `See all of it with "weighbridge audit ${dataset}". What does not hold is not exported.`,
  });
}

function inFormat(history: History, format: ExportFormat, { chainId, contracts }: Trust): unknown {
  const marketplace = contracts.marketplace.toLowerCase();
  switch (format) {
    case 'prov':
      return toProv(history, `https://weighbridge.dev/ns/${chainId}/${marketplace}#`);
    case 'openlineage':
      return toOpenLineage(history, `weighbridge://${chainId}/${marketplace}`);
    case 'slsa':
      return toSlsa(history);
  }
}
