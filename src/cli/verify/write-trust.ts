import { trustOfNetwork } from '../../provenance/verify/index.js';
import type { Cli } from '../cli.js';
import { writeFileAtomic } from '../state/atomic-file.js';

/** Writes the network's trust file. */
export async function writeTrust(cli: Cli, out: string): Promise<void> {
  const trust = trustOfNetwork(await cli.network());
  await writeFileAtomic(out, `${JSON.stringify(trust, null, 2)}\n`, 0o644);
  cli.ui.result({ file: out, trust }, () => [
    `${out}: chain ${trust.chainId}, marketplace ${trust.contracts.marketplace}, log ${trust.log.origin}`,
    'Taken from the network file: it is worth what that file is worth.',
    '',
    `Try next: weighbridge verify receipt.json --trust ${out}`,
  ]);
}
