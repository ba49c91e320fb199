import { WeighbridgeError, type Address } from '../../kernel/index.js';
import { parseSignatureLines, parseVerifierKey, verifyNoteSignature, type NoteSignature } from '../verify/note.js';
import { formatAddCheckpoint, parseSize } from '../witness/add-checkpoint.js';

/** A witness takes ten seconds if it must; nobody waits for it unless the quorum does. */
const TIMEOUT_MS = 15_000;
/** Signature lines, or the reason of a refusal. */
const MAX_ANSWER_CHARS = 64 * 1024;
/** The first answer may say where the witness stands, and another log process may have moved it once more. */
const MOST_TRIES = 3;

export interface WitnessMember {
  vkey: string;
  url: string;
  address?: Address | undefined;
}

/** What a witness is asked to cosign, and how to prove that it extends what the witness has. */
export interface Question {
  size: number;
  /** The log's signed note. */
  note: string;
  /** What the log signed: the note without its signatures. */
  text: string;
  /** Consistency proof from an older size. */
  proofFrom(oldSize: number): Promise<Uint8Array[]>;
}

/** How a witness answered. */
export type WitnessAnswer =
  | { kind: 'cosigned'; signatures: NoteSignature[]; cosignature: NoteSignature }
  /** It has a larger tree of this log, or another one: this log has lost entries, or somebody lies. */
  | { kind: 'conflict'; detail: string };

/** One witness, by C2SP tlog-witness. Remembers where it stands, and is asked one thing at a time. */
export class WitnessClient {
  readonly name: string;
  readonly #key;
  /** Size that the witness was last known to have. */
  #size = 0;
  #busy = false;

  constructor(readonly member: WitnessMember) {
    this.#key = parseVerifierKey(member.vkey);
    this.name = this.#key.name;
  }

  /** @throws Error if it is still busy with an older question, cannot be reached, or answers what no witness answers */
  async ask(question: Question): Promise<WitnessAnswer> {
    if (this.#busy) throw new Error('it has not answered the question before');
    this.#busy = true;
    try {
      return await this.#catchUp(question);
    } finally {
      this.#busy = false;
    }
  }

  /** "old" is a guess; a 409 corrects it, and the proof is made again from there. */
  async #catchUp(question: Question): Promise<WitnessAnswer> {
    for (let attempt = 1; ; attempt++) {
      const oldSize = Math.min(this.#size, question.size);
      const { status, text } = await this.#post({ ...question, oldSize, proof: await question.proofFrom(oldSize) });
      if (status === 200) return this.#cosigned(question, text);
      if (status === 422) return { kind: 'conflict', detail: 'it has entries that this log does not have' };
      const size = status === 409 ? parseSize(text.trim()) : undefined;
      if (size === undefined) throw new Error(`it answered ${status}: ${text.slice(0, 200).trim()}`);
      this.#size = size;
      if (size > question.size) return { kind: 'conflict', detail: `it has seen ${size} entries` };
      if (size === question.size && size === oldSize) {
        return { kind: 'conflict', detail: `it has another tree of ${size} entries` };
      }
      if (attempt === MOST_TRIES) throw new Error('somebody else asks it at the same time');
    }
  }

  #cosigned({ size, text }: Question, lines: string): WitnessAnswer {
    const signatures = parseSignatureLines(lines);
    const { name, keyHash } = this.#key;
    const cosignature = signatures.find((line) => line.name === name && line.keyHash === keyHash);
    if (cosignature === undefined || !verifyNoteSignature(text, cosignature, this.#key)) {
      throw new Error('its signature is not by the key that network.json names');
    }
    this.#size = size;
    return { kind: 'cosigned', signatures, cosignature };
  }

  async #post(request: { oldSize: number; proof: Uint8Array[]; note: string }) {
    const { url } = this.member;
    const target = new URL('add-checkpoint', url.endsWith('/') ? url : `${url}/`);
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch(target, { method: 'POST', body: formatAddCheckpoint(request), signal });
    const length = Number(response.headers.get('content-length') ?? 0);
    const text = length > MAX_ANSWER_CHARS ? '' : await response.text();
    return { status: response.status, text };
  }
}

/** @param why - for each witness that did not cosign, its name and the reason */
export function witnessesMissing(have: number, need: number, why: readonly string[]): WeighbridgeError {
  return new WeighbridgeError('WITNESSES_MISSING', `${have} of ${need} witnesses cosigned; ${why.join('; ')}`, {
    next: 'Wait: entries are safe, and nothing is shown, recorded or released until enough witnesses answer.',
    details: { have, need },
    retryable: true,
  });
}
