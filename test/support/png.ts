import { crc32, deflateSync } from 'node:zlib';

/** A greyscale PNG of so many columns and rows; `scanlines` are its bytes, each row after its filter byte, right or not. */
export function png(width: number, height: number, scanlines: Uint8Array): Buffer {
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    check.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, check]);
  };
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0]);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  const magic = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const pixels = deflateSync(scanlines);
  return Buffer.concat([magic, chunk('IHDR', header), chunk('IDAT', pixels), chunk('IEND', Buffer.alloc(0))]);
}

/** A PNG of one grey. */
export function greyPng(grey: number, width: number, height: number): Buffer {
  const row = Buffer.alloc(1 + width, grey).fill(0, 0, 1);
  return png(width, height, Buffer.concat(Array.from({ length: height }, () => row)));
}
