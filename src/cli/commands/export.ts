import { Command, Option } from 'commander';
import type { Run } from '../cli.js';
import type { ExportFormat } from '../export/export.js';

/** `weighbridge export`: a receipt's or a dataset's history in formats that other tools read. */
export function exportCommand(run: Run): Command {
  return new Command('export')
    .summary('a history as W3C PROV, OpenLineage or SLSA provenance')
    .description(
      'Writes what the log holds about a model (give its receipt) or a dataset (give its id) in a format that other tools ' +
        'read. It is verified first, against the trust file; a history that does not hold is not exported.',
    )
    .argument('<receipt or dataset>', 'receipt.json, or a dataset id (or its beginning, 8 digits or more)')
    .addOption(
      new Option('--as <format>', 'prov: PROV-JSON; openlineage: run events; slsa: in-toto statements')
        .choices(['prov', 'openlineage', 'slsa'])
        .makeOptionMandatory(),
    )
    .option('--trust <file>', "the deployment's keys and contracts (default: taken from the network file)")
    .option('--out <file>', 'write to this file (default: standard output)')
    .addHelpText(
      'after',
      `
Examples:
  weighbridge export receipt.json --as prov --trust trust.json --out receipt.prov.json
  weighbridge export 0x1a2b3c4d --as openlineage | jq '.[]'
`,
    )
    .action(async (subject: string, options: { as: ExportFormat; trust?: string; out?: string }, command: Command) =>
      run(command, async (cli) => {
        const { exportHistory } = await import('../export/export.js');
        await exportHistory(cli, subject, options);
      }),
    );
}
