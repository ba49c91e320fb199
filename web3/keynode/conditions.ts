import { canonicalJson, type Address, type Bytes32 } from '../../src/kernel/index.js';
import { canonicalCondition } from '../lit/condition.js';
import { NodeError } from './node-error.js';

/** The condition sets that Lit's SDK can send. This node evaluates one of them. */
export interface ConditionSets {
  evmContractConditions?: unknown;
  accessControlConditions?: unknown;
  solRpcConditions?: unknown;
  unifiedAccessControlConditions?: unknown;
}

/**
 * Reads the key id out of a request's conditions. Deny by default: the conditions must be, to the letter, the single
 * `canRelease` condition of this deployment. So no condition language is interpreted here: an attacker cannot bring a
 * weaker contract, another chain, an `or`, or a function that answers true.
 * @throws NodeError NodeInvalidAccessControlConditions
 */
export function keyIdOf(
  sets: ConditionSets,
  { chainId, marketplace }: { chainId: number; marketplace: Address },
): Bytes32 {
  const { evmContractConditions: conditions, ...others } = sets;
  if (Object.values(others).some((set) => set !== undefined)) throw refused();
  if (!Array.isArray(conditions) || conditions.length !== 1) throw refused();
  const condition: unknown = conditions[0];
  const keyId = firstParameter(condition);
  if (keyId === undefined) throw refused();
  const expected = canonicalCondition({ chainId, marketplace, keyId });
  if (canonicalJson(condition) !== canonicalJson(expected)) throw refused();
  return keyId;
}

function firstParameter(condition: unknown): Bytes32 | undefined {
  if (typeof condition !== 'object' || condition === null || !('functionParams' in condition)) return undefined;
  const { functionParams } = condition;
  const first: unknown = Array.isArray(functionParams) ? functionParams[0] : undefined;
  return typeof first === 'string' && /^0x[0-9a-f]{64}$/.test(first) ? (first as Bytes32) : undefined;
}

function refused(): NodeError {
  return new NodeError(
    'NodeInvalidAccessControlConditions',
    'This node evaluates one evmContract condition: canRelease(keyId, :userAddress) of its own Marketplace and chain.',
  );
}
