import { bytes32Schema, WeighbridgeError, type Bytes32 } from '../../kernel/index.js';

/** A licence is named by its whole id: what hangs on it is final. @throws WeighbridgeError BAD_INPUT */
export function licenceId(text: string): Bytes32 {
  const id = bytes32Schema.safeParse(text.toLowerCase());
  if (id.success) return id.data;
  throw new WeighbridgeError('BAD_INPUT', `"${text}" is not a licence id`, {
    next: 'Give all of it, 0x and 64 hex digits, as "weighbridge licences" or "weighbridge audit --json" prints it.',
  });
}
