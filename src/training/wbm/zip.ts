import { crc32 } from 'node:zlib';
import { concatBytes, utf8 } from '../../kernel/index.js';

/**
 * The container of a model file (docs/model-format.md, "The container"): a zip as APPNOTE.TXT 6.3.10 describes it, of which one
 * spelling is taken. Every byte that is not a member's own is fixed by the members: stored, never compressed, in a fixed order,
 * back to back from the first byte to the last, without extra fields, comments, data descriptors, encryption or zip64. So two
 * readers cannot see two models in one file, and nothing can ride along.
 */
export interface Member {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A file that breaks a rule of the container. Never leaves the module: the reader of model files turns it into MODEL_REJECTED. */
export class ZipError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ZipError';
  }
}

/** One field of a record: its name in APPNOTE.TXT, its bytes, and the value that it must have. */
type Field = readonly [name: string, sizeBytes: 2 | 4, value: number];

const LOCAL_SIGNATURE = 0x04034b50;
const CENTRAL_SIGNATURE = 0x02014b50;
const END_SIGNATURE = 0x06054b50;
const LOCAL_BYTES = 30;
/** Offsets in a local header (4.3.7). */
const LOCAL_CRC = 14;
const LOCAL_SIZE = 22;
/** 2.0: what every reader since 1993 takes. */
const VERSION = 20;
/** 2.0 on Unix, a file of mode 0600: what Python's zipfile writes, so that a model file can be made with it. */
const MADE_BY = 0x0314;
const ATTRIBUTES = 0o600 * 2 ** 16;
/** 1980-01-01, 00:00: when a model was packed is nobody's business. */
const TIME = 0;
const DATE = 0x21;
/** A size of 2^32 - 1 would announce zip64 (4.4.8). */
const MAX_MEMBER_BYTES = 0xffff_fffe;

/** Writes members in the one form that `readZip` takes. */
export function writeZip(members: readonly Member[]): Uint8Array {
  const { locals, tail } = frameOf(members.map(({ name, bytes }) => ({ name, size: bytes.length, crc: crc32(bytes) })));
  return concatBytes(...members.flatMap(({ bytes }, index) => [locals[index] ?? new Uint8Array(), bytes]), tail);
}

/** The most bytes that members may have, by name and in order. */
export type Limits = readonly (readonly [name: string, maxBytes: number])[];

/**
 * Reads members of the given names, in that order, and nothing else.
 * @param rest - members that follow, which the first ones name
 * @returns views into `file`
 * @throws ZipError naming the field that is not as it must be
 */
export function readZip(file: Uint8Array, limits: Limits, rest: (first: Member[]) => Limits = () => []): Member[] {
  const first = readMembers(file, 0, limits);
  const more = readMembers(file, first.end, rest(first.members));
  const members = [...first.members, ...more.members];
  expectTail(file, more.end, members);
  return members;
}

function readMembers(file: Uint8Array, start: number, limits: Limits): { members: Member[]; end: number } {
  const members: Member[] = [];
  let at = start;
  for (const [name, maxBytes] of limits) {
    expectFields(file, at, [['signature', 4, LOCAL_SIGNATURE]], `${name}: file header`);
    const size = uint(file, at + LOCAL_SIZE, 4, `${name}: file header`);
    if (size > Math.min(maxBytes, MAX_MEMBER_BYTES)) {
      throw new ZipError(`${name}: ${size} bytes, at most ${maxBytes} are taken`);
    }
    const crc = uint(file, at + LOCAL_CRC, 4, `${name}: file header`);
    at = expectFields(file, at, localFields({ name, size, crc }), `${name}: file header`);
    at = expectName(file, at, name, `${name}: file header`);
    const bytes = file.subarray(at, at + size);
    if (bytes.length < size) throw new ZipError(`${name}: the file ends within it`);
    if (crc32(bytes) !== crc) throw new ZipError(`${name}: the CRC-32 is not that of its bytes`);
    members.push({ name, bytes });
    at += size;
  }
  return { members, end: at };
}

function expectTail(file: Uint8Array, start: number, members: readonly Member[]): void {
  const entries = placed(members.map(({ name, bytes }) => ({ name, size: bytes.length, crc: crc32(bytes) })));
  let at = start;
  for (const entry of entries) {
    const where = `${entry.name}: central directory`;
    at = expectFields(file, at, centralFields(entry), where);
    at = expectName(file, at, entry.name, where);
  }
  at = expectFields(file, at, endFields(entries.length, at - start, start), 'end of central directory');
  if (at !== file.length) throw new ZipError(`${file.length - at} bytes after the end of the central directory`);
}

interface Entry {
  name: string;
  size: number;
  crc: number;
}

/** Entries with the offsets that leave no gap and no overlap. */
function placed(entries: readonly Entry[]): (Entry & { offset: number })[] {
  let offset = 0;
  return entries.map((entry) => {
    const here = { ...entry, offset };
    offset += LOCAL_BYTES + utf8(entry.name).length + entry.size;
    return here;
  });
}

function frameOf(entries: readonly Entry[]): { locals: Uint8Array[]; tail: Uint8Array } {
  const locals = entries.map((entry) => concatBytes(record(localFields(entry)), utf8(entry.name)));
  const directory = concatBytes(
    ...placed(entries).flatMap((entry) => [record(centralFields(entry)), utf8(entry.name)]),
  );
  const start = locals.reduce((sum, local, index) => sum + local.length + (entries[index]?.size ?? 0), 0);
  return { locals, tail: concatBytes(directory, record(endFields(entries.length, directory.length, start))) };
}

/** 4.3.7. Bits of the flags announce encryption, data descriptors and names in other encodings: none of them. */
function localFields({ name, size, crc }: Entry): Field[] {
  return [
    ['signature', 4, LOCAL_SIGNATURE],
    ['version needed', 2, VERSION],
    ...commonFields({ name, size, crc }),
    ['extra field length', 2, 0],
  ];
}

/** 4.3.12 */
function centralFields({ offset, ...entry }: Entry & { offset: number }): Field[] {
  return [
    ['signature', 4, CENTRAL_SIGNATURE],
    ['version made by', 2, MADE_BY],
    ['version needed', 2, VERSION],
    ...commonFields(entry),
    ['extra field length', 2, 0],
    ['comment length', 2, 0],
    ['disk number', 2, 0],
    ['internal attributes', 2, 0],
    ['external attributes', 4, ATTRIBUTES],
    ['offset of file header', 4, offset],
  ];
}

function commonFields({ name, size, crc }: Entry): Field[] {
  return [
    ['flags', 2, 0],
    ['compression method', 2, 0],
    ['time', 2, TIME],
    ['date', 2, DATE],
    ['CRC-32', 4, crc],
    ['compressed size', 4, size],
    ['uncompressed size', 4, size],
    ['name length', 2, utf8(name).length],
  ];
}

/** 4.3.16 */
function endFields(count: number, directoryBytes: number, directoryOffset: number): Field[] {
  return [
    ['signature', 4, END_SIGNATURE],
    ['disk number', 2, 0],
    ['disk of the central directory', 2, 0],
    ['entries on this disk', 2, count],
    ['entries', 2, count],
    ['size of the central directory', 4, directoryBytes],
    ['offset of the central directory', 4, directoryOffset],
    ['comment length', 2, 0],
  ];
}

function record(fields: readonly Field[]): Uint8Array {
  const bytes = new Uint8Array(fields.reduce((sum, [, size]) => sum + size, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [, size, value] of fields) {
    if (size === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += size;
  }
  return bytes;
}

/** @returns where the record ends */
function expectFields(file: Uint8Array, start: number, fields: readonly Field[], where: string): number {
  let at = start;
  for (const [name, size, value] of fields) {
    const found = uint(file, at, size, where);
    if (found !== value) throw new ZipError(`${where}: ${name} is ${found}, not ${value}`);
    at += size;
  }
  return at;
}

function expectName(file: Uint8Array, at: number, name: string, where: string): number {
  const wanted = utf8(name);
  if (wanted.some((byte, index) => file[at + index] !== byte))
    throw new ZipError(`${where}: another name stands there`);
  return at + wanted.length;
}

function uint(file: Uint8Array, at: number, size: 2 | 4, where: string): number {
  if (at + size > file.length) throw new ZipError(`${where}: the file ends within it`);
  const view = new DataView(file.buffer, file.byteOffset + at, size);
  return size === 2 ? view.getUint16(0, true) : view.getUint32(0, true);
}
