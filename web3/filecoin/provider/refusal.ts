/** A request that is answered with an HTTP status and one line of text; anything else is a bug and answers 500. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'Refusal';
  }
}

/** The SDK passes on a refusal's text and not its status, so the text names the status too. */
export const NO_ROOM = '507 Insufficient Storage: this provider has no room for the piece';

const DISK_FULL_CODES = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** Says "full" in HTTP's words (RFC 4918 section 11.5), so that a client does not take it for a fault and retry. */
export function asDiskFull(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return DISK_FULL_CODES.has(code) ? new Refusal(507, NO_ROOM, { cause: error }) : error;
}
