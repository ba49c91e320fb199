/** What a trainer takes (workers/trainer, images.py): said here, before it is paid for. */
const MAX_IMAGE_BYTES = 16 << 20;
const MAX_PIXELS = 1 << 24;
export const NO_IMAGE = 'no PNG or JPEG image, whole and of at most 16 MiB and 2^24 pixels';
export const IMAGE_NEXT = 'Every training run would be refused at it: convert the image, or take it out.';

const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** ITU T.81 table B.1: frames, but for DHT, JPG and DAC among them. */
const isFrame = (marker: number): boolean => marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

/** Whether bytes are a PNG or JPEG to its end, of a size that a trainer takes. What is compressed in between is not decoded. */
export function fitsImage(bytes: Buffer): boolean {
  if (bytes.length > MAX_IMAGE_BYTES) return false;
  const size = bytes.subarray(0, PNG.length).equals(PNG) ? pngSize(bytes) : jpegSize(bytes);
  return size !== undefined && size.width > 0 && size.height > 0 && size.width * size.height <= MAX_PIXELS;
}

interface Size {
  width: number;
  height: number;
}

/** IHDR is the first chunk and IEND the last (PNG 3rd edition, section 5.6): a file that was cut off does not come to it. */
function pngSize(bytes: Buffer): Size | undefined {
  if (bytes.length < 33 || bytes.toString('latin1', 12, 16) !== 'IHDR') return undefined;
  let at = PNG.length;
  while (at + 12 <= bytes.length && bytes.toString('latin1', at + 4, at + 8) !== 'IEND')
    at += 12 + bytes.readUInt32BE(at);
  if (at + 12 > bytes.length) return undefined;
  return { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
}

const EOI = Buffer.from([0xff, 0xd9]);

/** Goes from segment to segment to the frame header (ITU T.81 section B.2.2). After it the image ends with EOI, or was cut off: one before is a preview's. */
function jpegSize(bytes: Buffer): Size | undefined {
  if (bytes.length < 4 || bytes.readUInt16BE(0) !== 0xffd8) return undefined;
  for (let at = 2; at + 9 <= bytes.length;) {
    if (bytes[at] !== 0xff) return undefined;
    const marker = bytes[at + 1] ?? 0;
    if (marker === 0xff) at++;
    else if (isFrame(marker)) {
      if (bytes.indexOf(EOI, at + 9) < 0) return undefined;
      return { height: bytes.readUInt16BE(at + 5), width: bytes.readUInt16BE(at + 7) };
    } else at += 2 + bytes.readUInt16BE(at + 2);
  }
  return undefined;
}
