import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Abi } from 'viem';
import type { Hex } from '../../src/kernel/index.js';

interface Solc {
  compile(input: string): string;
}
interface Output {
  contracts: Record<string, Record<string, { abi: Abi; evm: { bytecode: { object: string } } }>>;
}

/** Compiles ReleaseBoard.sol with npm's solc. It is a test's contract: the product's come from `web3/contracts`. */
export function releaseBoard(): { abi: Abi; bytecode: Hex } {
  const solc = createRequire(import.meta.url)('solc') as Solc;
  const content = readFileSync(path.join(import.meta.dirname, 'ReleaseBoard.sol'), 'utf8');
  const input = {
    language: 'Solidity',
    sources: { 'ReleaseBoard.sol': { content } },
    settings: { evmVersion: 'cancun', outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } } },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input))) as Output;
  const contract = output.contracts['ReleaseBoard.sol']?.['ReleaseBoard'];
  if (contract === undefined) throw new Error(`ReleaseBoard.sol does not compile: ${JSON.stringify(output)}`);
  return { abi: contract.abi, bytecode: `0x${contract.evm.bytecode.object}` };
}
