import { TLOG_SIZE } from '../../src/provenance/witness/index.js';

/** An answer other than 200, as C2SP tlog-witness specifies it. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly body: string,
    readonly type: string,
  ) {
    super(body.trim());
    this.name = 'Refusal';
  }
}

export function refusal(status: number, reason: string): Refusal {
  return new Refusal(status, `${reason}\n`, 'text/plain; charset=utf-8');
}

/** 409: the size of what was cosigned last, for the log to begin there. */
export function sizeConflict(size: number): Refusal {
  return new Refusal(409, `${size}\n`, TLOG_SIZE);
}
