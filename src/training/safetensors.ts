import { concatBytes, sameBytes, utf8 } from '../kernel/index.js';

/** Names and shapes of a set of float32 tensors. */
export type TensorShapes = ReadonlyMap<string, readonly number[]>;

/** One float32 tensor. `data` is row-major and its own memory: nothing else changes it. */
export interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Which rule a file broke. Closed: the gate and the fit check put it into their refusals. */
export type SafetensorsRule =
  | 'too-large'
  | 'header-size'
  | 'header-json'
  | 'header-layout'
  | 'metadata'
  | 'tensor-count'
  | 'tensor-name'
  | 'tensor-type'
  | 'tensor-shape'
  | 'offsets'
  | 'trailing-bytes'
  | 'not-finite';

/** Never leaves the module: callers turn it into GATE_REFUSED or MODEL_REJECTED. */
export class SafetensorsError extends Error {
  constructor(
    readonly rule: SafetensorsRule,
    message: string,
  ) {
    super(message);
    this.name = 'SafetensorsError';
  }
}

/** Where everything stands in the one file that holds exactly these tensors. */
export interface SafetensorsLayout {
  /** Length field and header, padding included: the file up to its data. */
  readonly prefix: Uint8Array;
  /** Offsets are from the start of the file. Names ascend. */
  readonly tensors: readonly { name: string; shape: readonly number[]; offset: number; lengthBytes: number }[];
  readonly totalBytes: number;
}

const LENGTH_BYTES = 8;
const FLOAT_BYTES = 4;
const MAX_HEADER_BYTES = 4 << 20;
const MAX_TENSORS = 10_000;
const MAX_RANK = 8;
const MAX_ELEMENTS = 1 << 28;
/**
 * Printable ASCII without quote and backslash: it needs no JSON escape, so a name has one spelling, and byte, UTF-16 and
 * code point order are the same for every reader.
 */
const NAME = /^[!#-[\]-~]{1,200}$/;

/**
 * The canonical layout: compact header, names ascending, data back to back in that order, spaces to the next multiple of
 * eight. The reference writer emits the same bytes for float32 tensors without metadata.
 * @throws SafetensorsError for a name or a shape that the reader would refuse.
 */
export function safetensorsLayout(shapes: TensorShapes): SafetensorsLayout {
  if (shapes.size > MAX_TENSORS) throw new SafetensorsError('tensor-count', `more than ${MAX_TENSORS} tensors`);
  let end = 0;
  const placed = [...shapes].sort(byName).map(([name, shape]) => {
    checkName(name);
    const begin = end;
    end += elementCount(name, shape) * FLOAT_BYTES;
    return { name, shape, begin, end };
  });
  const entries = placed.map(
    (t) => `"${t.name}":{"dtype":"F32","shape":[${t.shape.join(',')}],"data_offsets":[${t.begin},${t.end}]}`,
  );
  const json = `{${entries.join(',')}}`;
  const header = utf8(json.padEnd(Math.ceil(json.length / 8) * 8, ' '));
  const prefix = new Uint8Array(LENGTH_BYTES + header.length);
  new DataView(prefix.buffer).setBigUint64(0, BigInt(header.length), true);
  prefix.set(header, LENGTH_BYTES);
  const tensors = placed.map((t) => ({
    name: t.name,
    shape: t.shape,
    offset: prefix.length + t.begin,
    lengthBytes: t.end - t.begin,
  }));
  return { prefix, tensors, totalBytes: prefix.length + end };
}

/** Writes tensors in the canonical layout. @throws SafetensorsError if shape and data disagree. */
export function writeSafetensors(tensors: readonly Tensor[]): Uint8Array {
  const { prefix } = safetensorsLayout(new Map(tensors.map((t) => [t.name, t.shape])));
  const sorted = [...tensors].sort((a, b) => byName([a.name], [b.name]));
  for (const { name, shape, data } of sorted) {
    if (elementCount(name, shape) !== data.length) {
      throw new SafetensorsError('tensor-shape', `tensor "${name}" has ${data.length} values, not what its shape says`);
    }
  }
  // Float32Array is in the machine's order, which is little-endian on every platform that Node supports here.
  return concatBytes(
    prefix,
    ...sorted.map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  );
}

/**
 * Reads the canonical layout and nothing else: a file has no place (order, padding, spelling, gaps, duplicate keys,
 * metadata) that could carry a message beside the weights.
 * @param options.maxBytes cap of the whole file, checked before anything is read.
 * @throws SafetensorsError
 */
export function readSafetensors(bytes: Uint8Array, options: { maxBytes: number }): Tensor[] {
  if (bytes.length > options.maxBytes) {
    throw new SafetensorsError('too-large', `${bytes.length} bytes, at most ${options.maxBytes} are allowed`);
  }
  const headerEnd = headerEndOf(bytes);
  const layout = safetensorsLayout(parseHeader(bytes.subarray(LENGTH_BYTES, headerEnd)));
  if (!sameBytes(bytes.subarray(0, headerEnd), layout.prefix)) {
    throw new SafetensorsError('header-layout', 'the header is not in canonical form');
  }
  if (bytes.length < layout.totalBytes) throw new SafetensorsError('offsets', 'the data ends before its last offset');
  if (bytes.length > layout.totalBytes) {
    throw new SafetensorsError('trailing-bytes', `${bytes.length - layout.totalBytes} bytes after the last tensor`);
  }
  return layout.tensors.map(({ name, shape, offset, lengthBytes }) => {
    const data = new Float32Array(lengthBytes / FLOAT_BYTES);
    // A copy: aligned, and not `slice`, which for a Buffer is a view of the memory that others share with it.
    new Uint8Array(data.buffer).set(bytes.subarray(offset, offset + lengthBytes));
    if (!data.every(Number.isFinite)) {
      throw new SafetensorsError('not-finite', `tensor "${name}" holds a value that is not finite`);
    }
    return { name, shape, data };
  });
}

function headerEndOf(bytes: Uint8Array): number {
  if (bytes.length < LENGTH_BYTES) throw new SafetensorsError('header-size', 'shorter than its length field');
  const view = new DataView(bytes.buffer, bytes.byteOffset, LENGTH_BYTES);
  const length = view.getBigUint64(0, true);
  if (length > BigInt(Math.min(MAX_HEADER_BYTES, bytes.length - LENGTH_BYTES))) {
    throw new SafetensorsError('header-size', 'the header is longer than the file or than 4 MiB');
  }
  return LENGTH_BYTES + Number(length);
}

/** Names and shapes of a header; offsets are checked against the only ones that leave no gap and no overlap. */
function parseHeader(header: Uint8Array): TensorShapes {
  const entries = Object.entries(parseObject(header));
  let end = 0;
  const sorted = entries.sort(byName).map(([name, value]): [string, number[]] => {
    checkName(name);
    const { dtype, shape, data_offsets: offsets } = isRecord(value) ? value : {};
    if (dtype !== 'F32') throw new SafetensorsError('tensor-type', `tensor "${name}" is not F32`);
    if (!isNumberArray(shape)) throw new SafetensorsError('tensor-shape', `tensor "${name}" has no shape`);
    const begin = end;
    end += elementCount(name, shape) * FLOAT_BYTES;
    if (!isNumberArray(offsets) || offsets.length !== 2 || offsets[0] !== begin || offsets[1] !== end) {
      throw new SafetensorsError('offsets', `tensor "${name}" does not follow the one before it`);
    }
    return [name, shape];
  });
  return new Map(sorted);
}

function parseObject(header: Uint8Array): Record<string, unknown> {
  const value = parseJson(header);
  if (!isRecord(value)) throw new SafetensorsError('header-json', 'the header is not a JSON object');
  return value;
}

/** Undefined for what is no JSON. */
function parseJson(header: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(header));
  } catch {
    return undefined;
  }
}

function checkName(name: string): void {
  if (name === '__metadata__') throw new SafetensorsError('metadata', 'the file holds metadata');
  if (!NAME.test(name))
    throw new SafetensorsError('tensor-name', 'a tensor name is not 1 to 200 plain ASCII characters');
}

function elementCount(name: string, shape: readonly number[]): number {
  const count = shape.reduce((product, size) => product * size, 1);
  const sizesOk = shape.every((size) => Number.isSafeInteger(size) && size > 0 && size <= MAX_ELEMENTS);
  if (shape.length > MAX_RANK || !sizesOk || count > MAX_ELEMENTS) {
    throw new SafetensorsError('tensor-shape', `tensor "${name}" has a shape outside the limits`);
  }
  return count;
}

function byName([a]: readonly [string, ...unknown[]], [b]: readonly [string, ...unknown[]]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isNumberArray(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'number');
}
