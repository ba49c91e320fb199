import { parseSignature, type LocalAccount } from 'viem';
import type { Hex } from '../../src/kernel/index.js';
import { usdfcTokenAbi } from './abi/usdfc-token.js';
import type { Connection } from './connection.js';

/** Chain time for which a permit is good: long enough for a slow block, too short to lie about. */
const PERMIT_SECONDS = 3_600n;

const PERMIT_TYPES = {
  Permit: [
    { name: 'owner', type: 'address' },
    { name: 'spender', type: 'address' },
    { name: 'value', type: 'uint256' },
    { name: 'nonce', type: 'uint256' },
    { name: 'deadline', type: 'uint256' },
  ],
} as const;

/** `Permit` as `Marketplace.open` takes it. */
export interface SignedPermit {
  deadline: bigint;
  v: number;
  r: Hex;
  s: Hex;
}

/** For a price of zero: nothing is collected, so nothing needs to be allowed. */
export const NO_PERMIT: SignedPermit = { deadline: 0n, v: 0, r: `0x${'0'.repeat(64)}`, s: `0x${'0'.repeat(64)}` };

/** Signs an EIP-2612 permit of `amountWei` USDFC for the Marketplace. */
export async function signPermit(
  { client, network }: Connection,
  account: LocalAccount,
  amountWei: bigint,
): Promise<SignedPermit> {
  const token = { address: network.contracts.usdfc, abi: usdfcTokenAbi } as const;
  const [name, version, nonce, block] = await Promise.all([
    client.readContract({ ...token, functionName: 'name' }),
    client.readContract({ ...token, functionName: 'version' }),
    client.readContract({ ...token, functionName: 'nonces', args: [account.address] }),
    client.getBlock({ blockTag: 'latest' }),
  ]);
  const deadline = block.timestamp + PERMIT_SECONDS;
  const signature = await account.signTypedData({
    domain: { name, version, chainId: network.chainId, verifyingContract: network.contracts.usdfc },
    types: PERMIT_TYPES,
    primaryType: 'Permit',
    message: { owner: account.address, spender: network.contracts.marketplace, value: amountWei, nonce, deadline },
  });
  const { r, s, yParity } = parseSignature(signature);
  return { deadline, v: yParity + 27, r, s };
}
