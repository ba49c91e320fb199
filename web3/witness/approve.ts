import { keccak256, stringToBytes, type LocalAccount } from 'viem';
import { z } from 'zod';
import { signerSetDigest, type Address, type Hex } from '../../src/kernel/index.js';

const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, 'an EVM address')
  .transform((text) => text as Address);

/** A change of the signers of one LogAnchor, as those who must agree hand it around. */
const changeSchema = z.strictObject({
  anchor: z.strictObject({ chainId: z.number().int().positive(), contract: address }),
  /** The log's C2SP origin line. */
  origin: z.string().min(1),
  /** `LogAnchor.signerChanges()`. */
  nonce: z.number().int().min(0),
  /** The whole new set. */
  signers: z.array(address).min(1),
  quorum: z.number().int().positive(),
});

/**
 * A witness's vote for another set of signers: what `LogAnchor.changeSigners` takes, from a quorum of the present set and
 * by ascending address.
 * @throws z.ZodError, SyntaxError
 */
export async function approveChange(text: string, account: LocalAccount): Promise<{ signer: Address; signature: Hex }> {
  const { anchor, origin, nonce, signers, quorum } = changeSchema.parse(JSON.parse(text));
  if (account.sign === undefined) throw new Error('an account that signs no digests');
  const set = { origin: keccak256(stringToBytes(origin)), nonce: BigInt(nonce), signers, quorum };
  return { signer: account.address, signature: await account.sign({ hash: signerSetDigest(anchor, set) }) };
}
