import { BaseError, ContractFunctionRevertedError, ContractFunctionZeroDataError } from 'viem';
import type { Address, Bytes32 } from '../../src/kernel/index.js';
import { marketplaceAbi } from '../chain/abi/marketplace.js';
import type { NodeChain } from './chain.js';
import { NodeError } from './node-error.js';

/** Returns if the key may be released to the caller. @throws NodeError otherwise, whatever went wrong */
export type ReleaseCheck = (keyId: Bytes32, caller: Address) => Promise<void>;

/**
 * `canRelease` must hold twice: at the latest block, which sees a revocation and the deadline at once, and at the
 * finalized block, which no reorganisation takes back: a release cannot be undone, so neither may be its ground.
 */
export function createReleaseCheck(chain: Pick<NodeChain, 'readContract'>, marketplace: Address): ReleaseCheck {
  const holdsAt = (keyId: Bytes32, caller: Address, blockTag: 'latest' | 'finalized') =>
    chain.readContract({
      address: marketplace,
      abi: marketplaceAbi,
      functionName: 'canRelease',
      args: [keyId, caller],
      blockTag,
    });

  return async (keyId, caller) => {
    let atLatest: boolean;
    let atFinalized: boolean;
    try {
      [atLatest, atFinalized] = await Promise.all([
        holdsAt(keyId, caller, 'latest'),
        holdsAt(keyId, caller, 'finalized'),
      ]);
    } catch (cause) {
      throw saidNo(cause) ? denied(cause) : new NodeError('NodeRpcError', 'The node cannot read the chain.', { cause });
    }
    if (!atLatest || !atFinalized) throw denied();
  };
}

/** The chain answered, and it was no `true`: a revert, or no contract yet at the finalized block. */
function saidNo(error: unknown): boolean {
  return (
    error instanceof BaseError &&
    error.walk((e) => e instanceof ContractFunctionRevertedError || e instanceof ContractFunctionZeroDataError) !== null
  );
}

function denied(cause?: unknown): NodeError {
  return new NodeError(
    'NodeAccessControlConditionsReturnedNotAuthorized',
    'canRelease does not hold at the latest and at the finalized block.',
    { cause },
  );
}
