import { encodeFunctionData, type LocalAccount } from 'viem';
import type { Network } from '../../src/kernel/index.js';
import type { AnchorChain } from '../../src/provenance/index.js';
import { logAnchorAbi } from './abi/log-anchor.js';
import { chainReader } from './chain-reader.js';
import { connect } from './connection.js';
import { createSender } from './sender.js';

/** `LogAnchor` of a network; `account` pays for gas, and need not be anybody: the witnesses' signatures are what counts. */
export function createAnchorChain({ network, account }: { network: Network; account: LocalAccount }): AnchorChain {
  const connection = connect(network);
  const sender = createSender(connection, account);
  const reader = chainReader(connection);
  const { logAnchor: address } = network.contracts;
  return {
    now: reader.now,
    anchored: async () => {
      const anchoredAt = { address, abi: logAnchorAbi, functionName: 'anchoredAt' } as const;
      const atSeconds = Number(await connection.run(async () => connection.client.readContract(anchoredAt)));
      return { ...(await reader.anchored()), atSeconds };
    },
    anchor: async ({ size, root, proof, signatures }) => {
      const args = [size, root, proof, signatures] as const;
      return sender.send({
        to: address,
        data: encodeFunctionData({ abi: logAnchorAbi, functionName: 'anchor', args }),
      });
    },
  };
}
