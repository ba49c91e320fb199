import { isWeighbridgeError, messageOf } from '../../kernel/index.js';

/** Why a check failed. Closed: programs switch on it. */
export const CHECK_CODES = [
  /** The file's bytes are not canonical JSON and one newline. */
  'NOT_CANONICAL',
  /** The file is not of this format and version. */
  'BAD_FORMAT',
  /** Another chain, contract or log than the trust file's. */
  'WRONG_NETWORK',
  /** An entry, proof or note that does not parse. */
  'RECORD_MALFORMED',
  /** The entry is not under the checkpoint. */
  'NOT_IN_LOG',
  /** A tile, or the whole tree of the entries, does not hash to what the checkpoint commits to. */
  'TREE_MISMATCH',
  /** The checkpoint is not signed as the trust file asks. */
  'BAD_CHECKPOINT',
  /** Too few witnesses cosigned. */
  'NO_QUORUM',
  /** The log signed two trees that cannot be one: whoever holds both notes holds the proof. */
  'SPLIT_VIEW',
  /** Whether two checkpoints are of one tree could not be shown. */
  'NO_CONSISTENCY',
  /** Header line and statement of a record differ, or a record contradicts itself. */
  'RECORD_DISAGREES',
  /** A field of the receipt, or of one record, is not what another signed record says. */
  'FIELD_MISMATCH',
  /** The signed digest is not of these fields. */
  'DIGEST_MISMATCH',
  /** The operator is not one that the offer or the trust file allows. */
  'NOT_ALLOWED',
  /** The licence had ended when access was granted. */
  'LICENCE_EXPIRED',
  /** The payouts are not the split of the signed offer. */
  'WRONG_PAYOUT',
  /** The log holds the records in an impossible order. */
  'OUT_OF_ORDER',
  /** A signature is not by the party whose it must be. */
  'BAD_SIGNATURE',
  /** The chain says otherwise (`--online`). */
  'CHAIN_DISAGREES',
  /** A bug, or input that found one: never a pass. */
  'UNEXPECTED',
] as const;
export type CheckCode = (typeof CHECK_CODES)[number];

/** One line of a verdict. */
export interface Check {
  /** Stable, for instance `log:access-granted`. */
  name: string;
  ok: boolean;
  /** Only if it failed. */
  code?: CheckCode;
  /** What was found, one sentence. */
  detail: string;
  /** What a reader takes for granted in believing a pass. */
  restsOn: string;
}

export class CheckFailed extends Error {
  constructor(
    readonly code: CheckCode,
    message: string,
  ) {
    super(message);
    this.name = 'CheckFailed';
  }
}

/**
 * Runs one check. It answers what it found, or throws: whatever it throws is a failure, never a crash of the verifier; only a
 * service that is away, where one is asked, passes through.
 */
export async function check(
  name: string,
  restsOn: string,
  codeOfErrors: CheckCode,
  run: () => string | Promise<string>,
): Promise<Check> {
  try {
    return { name, ok: true, detail: await run(), restsOn };
  } catch (error) {
    if (isWeighbridgeError(error) && error.retryable) throw error;
    const detail = messageOf(error);
    return { name, ok: false, code: codeOf(error, codeOfErrors), detail, restsOn };
  }
}

function codeOf(error: unknown, fallback: CheckCode): CheckCode {
  if (error instanceof CheckFailed) return error.code;
  if (!isWeighbridgeError(error)) return 'UNEXPECTED';
  if (error.details.reason === 'quorum') return 'NO_QUORUM';
  const named = CHECK_CODES.find((code) => code === error.details.code);
  return named ?? fallback;
}

/** Fails unless both have the same canonical JSON. Exact: another spelling of an address is a difference. */
export function requireSame(what: string, found: string | undefined, expected: string): void {
  if (found !== expected)
    throw new CheckFailed('FIELD_MISMATCH', `${what} is ${found}, the signed record has ${expected}`);
}
