import { getAddress, recoverMessageAddress, serializeSignature, parseSignature } from 'viem';
import {
  canonicalJson,
  concatBytes,
  fromHex,
  messageOf,
  to0x,
  utf8,
  WeighbridgeError,
  type Address,
  type Bytes32,
  type Hex,
} from '../kernel/index.js';
import {
  envelopeSchema,
  PAYLOAD_TYPE,
  PREDICATES,
  PREDICATE_TYPES,
  RECORD_TYPES,
  statementSchema,
  type Envelope,
  type Predicates,
  type RecordType,
  type Statement,
} from './statements.js';
import { binaryFromBase64, fromBase64, textFromBase64, toBase64 } from './verify/base64.js';
import { decodeUtf8, parseCanonicalJson } from './verify/canonical.js';

/** C2SP tlog-tiles prefixes each entry of a bundle with a uint16. */
export const MAX_ENTRY_BYTES = 65_535;
const HEADER = /^weighbridge\/v1 ([a-z-]{1,40}) ([0-9a-f]{64})$/;
/** The one spelling of an envelope in canonical JSON: what is before its payload, between that and the key id, and from there on. */
const ENVELOPE = {
  payload: '{"payload":"',
  keyid: `","payloadType":"${PAYLOAD_TYPE}","signatures":[{"keyid":"`,
  rest: /^([\w:]+)","sig":"([A-Za-z0-9+/]+={0,2})"\}\]\}$/,
};
/** Numbers of 32 bytes, big-endian, a character a byte: so they compare as texts. */
const ZERO = binary('0'.repeat(64));
/** Of secp256k1. */
const ORDER = binary('fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141');
/** A signature above half the order has a twin below (EIP-2), and only the lower one is accepted. */
const HALF_ORDER = binary('7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0');

/** Whoever signs records. viem's `LocalAccount` fits. */
export interface RecordSigner {
  readonly address: Address;
  signMessage(args: { message: { raw: Uint8Array } }): Promise<Hex>;
}

/** What a builder makes and `sealRecord` signs. */
export interface UnsignedRecord<T extends RecordType = RecordType> {
  type: T;
  /** EIP-712 digest, the same that the contracts compute. */
  commitment: Bytes32;
  statement: Statement;
  chainId: number;
}

interface EntryOf<T extends RecordType> {
  type: T;
  commitment: Bytes32;
  envelope: Envelope;
  statement: Statement;
  predicate: Predicates[T];
  /** Who the envelope says signed it. `verifyEntrySignature` tells whether that is so. */
  signer: Address;
  chainId: number;
}
/** One entry, read and found well-formed; discriminated by `type`. */
export type LogEntry = { [T in RecordType]: EntryOf<T> }[RecordType];

/** DSSE v1 pre-authentication encoding: what the signature is over. */
export function dssePae(payloadType: string, payload: Uint8Array): Uint8Array {
  const type = utf8(payloadType);
  return concatBytes(utf8(`DSSEv1 ${type.length} `), type, utf8(` ${payload.length} `), payload);
}

/**
 * Signs a record and gives the bytes of its log entry: the header line that contracts compare, then the DSSE envelope in
 * canonical JSON. Deterministic when the signer is (RFC 6979), so a retry makes the same entry.
 * @throws WeighbridgeError BAD_SIGNATURE if the signer does not sign as its address, TOO_LARGE over 65,535 bytes
 */
export async function sealRecord(record: UnsignedRecord & { signer: RecordSigner }): Promise<Uint8Array> {
  const payload = utf8(canonicalJson(record.statement));
  const pae = dssePae(PAYLOAD_TYPE, payload);
  const sig = canonicalSignature(await record.signer.signMessage({ message: { raw: pae } }));
  const signer = getAddress(record.signer.address);
  if ((await recoverMessageAddress({ message: { raw: pae }, signature: sig })) !== signer) {
    throw new WeighbridgeError('BAD_SIGNATURE', `the signature is not by ${signer}`, {
      next: 'Sign with the key of the address that is named as signer (EIP-191 personal_sign).',
    });
  }
  const envelope: Envelope = {
    payloadType: PAYLOAD_TYPE,
    payload: toBase64(payload),
    signatures: [{ keyid: `eip155:${record.chainId}:${signer}`, sig: toBase64(fromHex(sig)) }],
  };
  const entry = entryBytes(record.type, record.commitment, envelope);
  if (entry.length > MAX_ENTRY_BYTES) {
    throw new WeighbridgeError('TOO_LARGE', `a ${record.type} record of ${entry.length} bytes`, {
      next: `Keep it within ${MAX_ENTRY_BYTES} bytes: for instance, list fewer pieces.`,
    });
  }
  parseEntry(entry);
  return entry;
}

/** An entry's bytes: the header line that contracts compare, then the envelope in canonical JSON. Checks nothing. */
export function entryBytes(type: RecordType, commitment: Bytes32, envelope: Envelope): Uint8Array {
  return utf8(`weighbridge/v1 ${type} ${commitment.slice(2)}\n${canonicalJson(envelope)}`);
}

/**
 * Reads one log entry strictly: header line, canonical envelope, canonical statement, the predicate that the type asks
 * for. Says nothing about the signature, nor whether the commitment is right: see `verifyEntry`.
 * @throws WeighbridgeError BAD_INPUT naming the first thing wrong
 */
export function parseEntry(bytes: Uint8Array): LogEntry {
  if (bytes.length > MAX_ENTRY_BYTES) throw malformed(`${bytes.length} bytes, the limit is ${MAX_ENTRY_BYTES}`);
  const text = decodeUtf8(bytes);
  const newline = text.indexOf('\n');
  const header = HEADER.exec(text.slice(0, Math.max(newline, 0)));
  const type = RECORD_TYPES.find((t) => t === header?.[1]);
  if (!header || type === undefined) throw malformed('the first line is not a "weighbridge/v1 <type> <64 hex>" header');

  const envelope = read('envelope', () => parseEnvelope(text.slice(newline + 1)));
  const statement = read('statement', () => {
    return statementSchema.parse(parseCanonicalJson(textFromBase64(envelope.payload)));
  });
  if (statement.predicateType !== PREDICATE_TYPES[type]) {
    throw malformed(`a ${type} header over a ${statement.predicateType} predicate`);
  }
  const predicate = read('predicate', () => PREDICATES[type].parse(statement.predicate));
  const [signature] = envelope.signatures;
  const { chainId, signer } = parseKeyId(signature?.keyid ?? '');
  read('signature', () => assertCanonicalSignature(binaryFromBase64(signature?.sig ?? '')));
  // The type chose the predicate's schema one line above, which is what the union says; TypeScript cannot follow it.
  return { type, commitment: `0x${header[2]}`, envelope, statement, predicate, signer, chainId } as LogEntry;
}

/**
 * By its fixed parts if it is in order, because reading it as JSON is a fifth of what an entry costs; otherwise by what says what is
 * wrong with it. Whether the payload is base64 is seen when it is decoded.
 */
function parseEnvelope(text: string): Envelope {
  const payloadEnd = text.indexOf('"', ENVELOPE.payload.length);
  if (text.startsWith(ENVELOPE.payload) && text.startsWith(ENVELOPE.keyid, payloadEnd)) {
    const [, keyid, sig] = ENVELOPE.rest.exec(text.slice(payloadEnd + ENVELOPE.keyid.length)) ?? [];
    if (keyid !== undefined && sig !== undefined) {
      const payload = text.slice(ENVELOPE.payload.length, payloadEnd);
      return { payloadType: PAYLOAD_TYPE, payload, signatures: [{ keyid, sig }] };
    }
  }
  return envelopeSchema.parse(parseCanonicalJson(text));
}

/** Whether the envelope's signature recovers to the address that it names. */
export async function verifyEntrySignature(entry: Pick<LogEntry, 'envelope' | 'signer'>): Promise<boolean> {
  const { payloadType, payload, signatures } = entry.envelope;
  const raw = dssePae(payloadType, fromBase64(payload));
  const signature = to0x(fromBase64(signatures[0]?.sig ?? ''));
  const recovered = await recoverMessageAddress({ message: { raw }, signature }).catch(() => undefined);
  return recovered === entry.signer;
}

function parseKeyId(keyid: string): { chainId: number; signer: Address } {
  const match = /^eip155:([1-9]\d{0,15}):(0x[0-9a-fA-F]{40})$/.exec(keyid);
  const signer = match?.[2] as Address | undefined;
  // One spelling an address: CAIP-10 says checksummed.
  if (!match || signer === undefined || getAddress(signer) !== signer) {
    throw malformed('the key id is not "eip155:<chain id>:<checksummed address>"');
  }
  return { chainId: Number(match[1]), signer };
}

/** 65 bytes, low s, v 27 or 28: brings what a signer gave into this form (from v 0 or 1). */
function canonicalSignature(signature: Hex): Hex {
  const canonical = signature.length === 132 ? serializeSignature(parseSignature(signature)) : '0x';
  assertCanonicalSignature(binary(canonical.slice(2)));
  return canonical;
}

/** @throws WeighbridgeError BAD_SIGNATURE */
function assertCanonicalSignature(signature: string): void {
  const [r, s, v] = [signature.slice(0, 32), signature.slice(32, 64), signature.charCodeAt(64)];
  const inRange = r > ZERO && r < ORDER && s > ZERO && s <= HALF_ORDER;
  if (signature.length === 65 && inRange && (v === 27 || v === 28)) return;
  throw new WeighbridgeError('BAD_SIGNATURE', 'not a 65-byte secp256k1 signature with low s and v 27 or 28', {
    next: 'Sign with an ordinary account key; contract accounts cannot sign records.',
  });
}

function binary(hex: string): string {
  return String.fromCharCode(...fromHex(hex));
}

function read<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw malformed(`${what}: ${messageOf(cause)}`, cause);
  }
}

function malformed(detail: string, cause?: unknown): WeighbridgeError {
  return new WeighbridgeError('BAD_INPUT', `not a log entry: ${detail}`, {
    next: 'Build entries with sealRecord and pass its bytes on unchanged.',
    cause,
  });
}
