import type { WrappedKey } from '../../catalog/manifest.js';
import { WeighbridgeError, type Bytes32 } from '../../kernel/index.js';
import type { KeyWrapper } from '../ports.js';

/**
 * Has the data key wrapped so that the key nodes release it only while the contract's `canRelease` holds for it. Done before
 * the offer is signed: nothing is for sale that nobody could open.
 * @throws WeighbridgeError KEY_NODES_DOWN (retryable)
 */
export async function wrapDataKey(wrapper: KeyWrapper, dataKey: Uint8Array, keyId: Bytes32): Promise<WrappedKey> {
  try {
    const wrapped = await wrapper.wrap(dataKey, keyId);
    if (wrapped.condition.keyId === keyId) return wrapped;
  } finally {
    await wrapper.close();
  }
  throw new WeighbridgeError('INTERNAL', 'the data key was wrapped for another dataset', {
    next: 'Nothing was listed. Report this with the version of weighbridge.',
  });
}
