import type { Feature } from './features.js';

/** Bytes of the integers of a type, and what it reaches from and to. */
const INTEGERS = [
  { bytes: 1, low: 0, high: 0xff },
  { bytes: 1, low: -0x80, high: 0x7f },
  { bytes: 2, low: 0, high: 0xffff },
  { bytes: 2, low: -0x8000, high: 0x7fff },
];
const WIDEST_BYTES = 4;

/**
 * Bytes that a number of an input takes in the memory of a box: the trainer keeps rows in the smallest type that public constants allow
 * (`stored.py`), and unpacks a micro-batch at a time. Of a text, whose tokenizer is not read here, four.
 */
export function storedBytes(dtype: string, features: readonly Feature[]): number {
  if (dtype === 'bool') return 1;
  if (dtype === 'float32') return isBytes(features) ? 1 : WIDEST_BYTES;
  const ends = features.map(integerEnds);
  const low = Math.min(...ends.map((end) => end.low));
  const high = Math.max(...ends.map((end) => end.high));
  return INTEGERS.find((type) => type.low <= low && high <= type.high)?.bytes ?? WIDEST_BYTES;
}

/** Words that match or do not, or one image. */
function isBytes(features: readonly Feature[]): boolean {
  if (features.length === 1 && features[0]?.kind === 'image') return true;
  return features.length > 0 && features.every(({ kind }) => kind === 'one-hot');
}

/** Lowest and highest of what an integer feature makes; infinite where that is not known here. */
export function integerEnds(feature: Feature): { low: number; high: number } {
  switch (feature.kind) {
    case 'category':
      return { low: 0, high: Math.max(feature.vocabulary.length - 1, feature.unknown) };
    case 'tensor':
      return { low: Math.trunc(feature.min), high: Math.trunc(feature.max) };
    case 'text-mask':
      return { low: 0, high: 1 };
    // A text is as far as its tokenizer goes; the others make no integers.
    case 'text':
    case 'scale':
    case 'standardise':
    case 'one-hot':
    case 'image':
      return { low: -Infinity, high: Infinity };
  }
}
