import { createPublicClient, http, parseAbi } from 'viem';
import { fromHex, WeighbridgeError, type Address } from '../../kernel/index.js';
import type { ReadAnchor } from './ports.js';

/** The two views that the start-up guard needs; `web3/contracts` has the whole interface. */
const LOG_ANCHOR = parseAbi([
  'function size() view returns (uint64)',
  'function rootOf(uint64) view returns (bytes32)',
]);
const TIMEOUT_MS = 10_000;

/** Reads what LogAnchor holds at the latest block: a reorganisation may undo it, but somebody has seen it. */
export function anchorReader(rpcUrl: string, logAnchor: Address): ReadAnchor {
  const client = createPublicClient({ transport: http(rpcUrl, { timeout: TIMEOUT_MS, retryCount: 2 }) });
  return async () => {
    try {
      const contract = { address: logAnchor, abi: LOG_ANCHOR };
      const size = await client.readContract({ ...contract, functionName: 'size' });
      const root = await client.readContract({ ...contract, functionName: 'rootOf', args: [size] });
      return { size: Number(size), root: fromHex(root) };
    } catch (cause) {
      throw new WeighbridgeError(
        'CHAIN_UNAVAILABLE',
        'LogAnchor cannot be read, and without it the log does not sign',
        {
          next: 'Check that the chain runs and that network.json names its RPC URL and LogAnchor.',
          retryable: true,
          cause,
        },
      );
    }
  };
}
