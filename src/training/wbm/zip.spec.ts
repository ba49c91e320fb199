import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { concatBytes, utf8 } from '../../kernel/index.js';
import { readZip, writeZip, ZipError } from './zip.js';

const A = utf8('the first');
const B = utf8('the second, longer');
const LIMITS = [
  ['a', 100],
  ['b.bin', 100],
] as const;
const members = [
  { name: 'a', bytes: A },
  { name: 'b.bin', bytes: B },
];
const good = writeZip(members);
const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Where things stand in `good`. */
const SECOND = 30 + 1 + A.length;
const DIRECTORY = SECOND + 30 + 5 + B.length;
const END = good.length - 22;

function changed(change: (view: DataView, bytes: Uint8Array) => void): Uint8Array {
  const copy = good.slice();
  change(view(copy), copy);
  return copy;
}

/** What a stock tool writes for the same members, with one thing done its own way. */
function withExtra(): Uint8Array {
  const extra = Uint8Array.of(0x55, 0x54, 1, 0, 3);
  const local = good.slice(0, 31);
  view(local).setUint16(28, extra.length, true);
  return concatBytes(local, extra, good.slice(31));
}

describe('the container', () => {
  it('gives back what was put in', () => {
    expect(readZip(good, LIMITS)).toEqual(members);
  });

  it('writes the bytes of Python: zipfile.writestr(ZipInfo(name), bytes)', () => {
    expect(good.length).toBe(213);
    expect(crc32(good).toString(16)).toMatchInlineSnapshot(`"c12db860"`);
  });

  it.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(), 'the file ends'],
    ['another kind of file', utf8('GIF89a'.padEnd(400, '.')), 'signature'],
    ['a pickle that runs a program', utf8("cos\nsystem\n(S'touch pickled'\ntR.".padEnd(400, '.')), 'signature'],
    ['an empty zip', good.slice(END), 'signature'],
    ['a member too large', writeZip([{ name: 'a', bytes: new Uint8Array(101) }]), 'at most 100'],
    ['a size of 4 GiB', changed((v) => v.setUint32(22, 0xffff_fffe, true)), 'at most 100'],
    ['zip64 sizes', changed((v) => v.setUint32(22, 0xffff_ffff, true)), 'at most 100'],
    ['two sizes', changed((v) => v.setUint32(18, 5, true)), 'compressed size is 5'],
    [
      'a size that reaches into the next member',
      changed((v) => v.setUint32(22, A.length + 10, true)),
      'compressed size',
    ],
    ['encryption', changed((v) => v.setUint16(6, 1, true)), 'flags is 1'],
    ['a data descriptor', changed((v) => v.setUint16(6, 8, true)), 'flags is 8'],
    ['names in UTF-8', changed((v) => v.setUint16(6, 0x800, true)), 'flags is 2048'],
    ['compression', changed((v) => v.setUint16(8, 8, true)), 'compression method is 8'],
    ['a time', changed((v) => v.setUint16(10, 77, true)), 'time is 77'],
    ['a later version', changed((v) => v.setUint16(4, 45, true)), 'version needed is 45'],
    ['an extra field', withExtra(), 'extra field length is 5'],
    ['a name that climbs', changed((_, b) => b.set(utf8('../x.'), SECOND + 30)), 'another name'],
    ['a name of another case', changed((_, b) => b.set(utf8('A'), 30)), 'another name'],
    ['a longer name', changed((v) => v.setUint16(26, 3, true)), 'name length is 3'],
    ['another byte in a member', changed((_, b) => b.set([0], 33)), 'CRC-32'],
    ['another CRC', changed((v) => v.setUint32(14, 1, true)), 'CRC-32'],
    ['members in another order', writeZip([...members].reverse()), 'name length'],
    ['one member', writeZip(members.slice(0, 1)), 'signature'],
    ['one member twice', writeZip([members[0], members[0]].flatMap((m) => m ?? [])), 'name length'],
    ['a third member', writeZip([...members, { name: 'c', bytes: A }]), 'signature'],
    ['another name in the directory', changed((_, b) => b.set(utf8('c'), DIRECTORY + 46)), 'another name'],
    ['another size in the directory', changed((v) => v.setUint32(DIRECTORY + 24, 1, true)), 'uncompressed size'],
    ['another method in the directory', changed((v) => v.setUint16(DIRECTORY + 10, 8, true)), 'method'],
    ['a comment on a member', changed((v) => v.setUint16(DIRECTORY + 32, 1, true)), 'comment length'],
    ['a symbolic link', changed((v) => v.setUint32(DIRECTORY + 38, 0xa1ff_0000, true)), 'external attributes'],
    ['a file made on Windows', changed((v) => v.setUint16(DIRECTORY + 4, 0x0014, true)), 'version made by'],
    ['two members in one place', changed((v) => v.setUint32(DIRECTORY + 47 + 42, 0, true)), 'offset of file header'],
    ['an offset beyond the file', changed((v) => v.setUint32(DIRECTORY + 42, 9999, true)), 'offset of file header'],
    ['a count of three', changed((v) => v.setUint16(END + 10, 3, true)), 'entries is 3'],
    ['many disks', changed((v) => v.setUint16(END + 4, 1, true)), 'disk number'],
    ['a directory elsewhere', changed((v) => v.setUint32(END + 16, 1, true)), 'offset of the central directory'],
    ['a directory of another size', changed((v) => v.setUint32(END + 12, 1, true)), 'size of the central directory'],
    [
      'a comment',
      concatBytes(
        changed((v) => v.setUint16(END + 20, 2, true)),
        utf8('hi'),
      ),
      'comment length',
    ],
    ['bytes before it', concatBytes(utf8('MZ'), good), ''],
    ['bytes after it', concatBytes(good, utf8('x')), '1 bytes after'],
    ['a gap', concatBytes(good.slice(0, SECOND), utf8('gap!'), good.slice(SECOND)), ''],
    ['a zip64 end', concatBytes(good.slice(0, END), new Uint8Array(76), good.slice(END)), 'signature is 0'],
  ])('refuses %s', (_name, file, message) => {
    expect(() => readZip(file, LIMITS)).toThrow(ZipError);
    expect(() => readZip(file, LIMITS)).toThrow(message);
  });

  it('refuses every file that is cut, and every change of a single bit outside and inside its members', () => {
    for (let length = 0; length < good.length; length++) {
      expect(() => readZip(good.slice(0, length), LIMITS)).toThrow(ZipError);
    }
    for (let bit = 0; bit < good.length * 8; bit++) {
      const flipped = changed((_, bytes) => {
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      });
      expect(() => readZip(flipped, LIMITS)).toThrow(ZipError);
    }
  });
});
