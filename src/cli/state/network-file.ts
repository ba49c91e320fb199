import { firstIssue, networkSchema, WeighbridgeError, type Network } from '../../kernel/index.js';
import { readJson } from './read-json.js';
import { findUpwards } from './state-dir.js';

const HOW =
  'Name one with --network or WEIGHBRIDGE_NETWORK; "npm run demo -- --keep" starts a network and writes .weighbridge/network.json.';

/** The file a command uses: the option, else the variable, else the nearest `.weighbridge/network.json`. */
export function findNetworkFile(option: string | undefined, cwd: string, env: NodeJS.ProcessEnv): string {
  const file = option ?? env['WEIGHBRIDGE_NETWORK'] ?? findUpwards(cwd, '.weighbridge/network.json');
  if (file === undefined) throw new WeighbridgeError('CONFIG_INVALID', 'no network file was found', { next: HOW });
  return file;
}

/** @throws WeighbridgeError CONFIG_INVALID naming the file and the first field that is wrong. */
export async function readNetworkFile(file: string): Promise<Network> {
  const parsed = networkSchema.safeParse(await readJson(file, 'CONFIG_INVALID', HOW, HOW));
  if (parsed.success) return parsed.data;
  throw new WeighbridgeError('CONFIG_INVALID', `${file} is not a network file: ${firstIssue(parsed.error)}`, {
    next: HOW,
  });
}
