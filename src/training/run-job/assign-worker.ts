import { marketplaceDomain, TYPES, type Address, type Bytes32, type Hex } from '../../kernel/index.js';
import { marketOf } from '../../platform/index.js';
import type { RunJobDeps } from './deps.js';

/** The operator's word that `worker` serves this order: contract and log both check it. Deterministic (RFC 6979). */
export async function assignWorker(
  { network, operator }: Pick<RunJobDeps, 'network' | 'operator'>,
  orderId: Bytes32,
  worker: Address,
): Promise<Hex> {
  const domain = marketplaceDomain(marketOf(network));
  return operator.signTypedData({ domain, types: TYPES, primaryType: 'Assign', message: { orderId, worker } });
}
