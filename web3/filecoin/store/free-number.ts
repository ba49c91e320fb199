import { encodeAbiParameters, hexToBigInt, keccak256, type AbiParameter } from 'viem';
import { readContract } from 'viem/actions';
import type { Address } from '../../../src/kernel/index.js';
import type { FocReader, FocSigner } from './foc-client.js';

const MAX_NUMBERS = 100;

/**
 * The first number of the series for `purpose` that the payer has not used: the first at first, the second if what the
 * first was used for is gone again (a piece that was removed, a data set that was ended). The contract takes each number
 * once, so a request that is made again after a kill cannot be paid twice.
 */
export async function freeNumber(
  client: FocReader | FocSigner,
  payer: Address,
  purpose: (string | bigint)[],
): Promise<bigint> {
  for (let i = 0; i < MAX_NUMBERS; i++) {
    const number = numberFor(purpose, i);
    if ((await dataSetOfNumber(client, payer, number)) === 0n) return number;
  }
  throw new Error(`${MAX_NUMBERS} numbers are used up for one ${String(purpose[0])}`);
}

/** The data set that a payer's number was used for; 0 while it is free. */
export async function dataSetOfNumber(client: FocReader | FocSigner, payer: Address, number: bigint): Promise<bigint> {
  const { address, abi } = client.chain.contracts.fwssView;
  return readContract(client, { address, abi, functionName: 'clientNonces', args: [payer, number] });
}

function numberFor(purpose: (string | bigint)[], i: number): bigint {
  const types: AbiParameter[] = purpose.map((part) => ({ type: typeof part === 'bigint' ? 'uint256' : 'string' }));
  return hexToBigInt(keccak256(encodeAbiParameters([...types, { type: 'uint256' }], [...purpose, BigInt(i)])));
}
