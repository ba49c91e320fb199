import { concatBytes, utf8 } from '../../kernel/index.js';

/**
 * The protobuf wire format (https://protobuf.dev/programming-guides/encoding), as much of it as the ONNX profile needs:
 * varints, 32-bit floats and length-delimited fields. No protobuf library: a reader that knows nothing but these has no
 * merging, no groups and no recursion that a hostile file could use.
 */
export type Field = Uint8Array;

/** Refused bytes. Never leaves the module: the fit check turns it into MODEL_REJECTED. */
export class WireError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'WireError';
  }
}

const VARINT = 0;
const BYTES = 2;
const FLOAT = 5;

export function intField(number: number, value: number | bigint): Field {
  return concatBytes(varint((number << 3) | VARINT), varint(value));
}

export function floatField(number: number, value: number): Field {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return concatBytes(varint((number << 3) | FLOAT), bytes);
}

export function bytesField(number: number, value: Uint8Array): Field {
  return concatBytes(varint((number << 3) | BYTES), varint(value.length), value);
}

export function textField(number: number, value: string): Field {
  return bytesField(number, utf8(value));
}

export function messageField(number: number, fields: readonly Field[]): Field {
  return bytesField(number, concatBytes(...fields));
}

/** Repeated numbers in packed form, the form that protobuf writers use. */
export function packedField(number: number, values: readonly number[]): Field {
  return bytesField(number, concatBytes(...values.map(varint)));
}

function varint(value: number | bigint): Uint8Array {
  // Negative numbers are written as their 64-bit two's complement, ten bytes long.
  let rest = BigInt.asUintN(64, BigInt(value));
  const out: number[] = [];
  do {
    out.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Uint8Array.from(out);
}

/** One field as it stands on the wire: a varint, four bytes of a float, or a length-delimited body. */
export type RawField =
  | { number: number; kind: 'varint'; value: bigint }
  | { number: number; kind: 'float'; value: number }
  | { number: number; kind: 'bytes'; value: Uint8Array };

/** The fields of one message in order. @throws WireError for a cut field, a long varint or another wire type. */
export function* readFields(bytes: Uint8Array): Generator<RawField> {
  const reader = new Reader(bytes);
  while (!reader.done) {
    const tag = reader.varint();
    const number = Number(tag >> 3n);
    switch (Number(tag & 7n)) {
      case VARINT:
        yield { number, kind: 'varint', value: reader.varint() };
        break;
      case FLOAT:
        yield { number, kind: 'float', value: reader.float() };
        break;
      case BYTES:
        yield { number, kind: 'bytes', value: reader.take(reader.varint()) };
        break;
      default:
        throw new WireError(`field ${number} has a wire type outside the profile`);
    }
  }
}

/** The numbers of a packed repeated field. */
export function readPacked(bytes: Uint8Array): bigint[] {
  const reader = new Reader(bytes);
  const out: bigint[] = [];
  while (!reader.done) out.push(BigInt.asIntN(64, reader.varint()));
  return out;
}

export function readText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new WireError('a text is not UTF-8');
  }
}

class Reader {
  private at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  get done(): boolean {
    return this.at >= this.bytes.length;
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) throw new WireError('cut within a number');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (value >> 64n !== 0n) throw new WireError('a number has more than 64 bits');
        return value;
      }
    }
    throw new WireError('a number has more than ten bytes');
  }

  float(): number {
    const four = this.take(4n);
    return new DataView(four.buffer, four.byteOffset, 4).getFloat32(0, true);
  }

  take(length: bigint): Uint8Array {
    if (length > BigInt(this.bytes.length - this.at)) throw new WireError('a field is longer than its message');
    const out = this.bytes.subarray(this.at, this.at + Number(length));
    this.at += out.length;
    return out;
  }
}
