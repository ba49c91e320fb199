import type { LocalAccount } from 'viem/accounts';
import { toHex, type Deployed } from '../../kernel/index.js';
import type { Cosigner } from './ports.js';
import { signAnchorCheckpoint } from './signers.js';

/** The log's own signature for LogAnchor, and nobody else's. */
export function logCosigner(account: LocalAccount, anchor: Deployed, origin: string): Cosigner {
  return {
    async cosign({ size, root, note }) {
      const signature = await signAnchorCheckpoint(account, anchor, { origin, size, root });
      return { size, root: toHex(root), note, signatures: [signature] };
    },
  };
}
