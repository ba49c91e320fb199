import { doesNotFit } from '../model-errors.js';
import type { Network, RecipeInput } from './network.js';
import { sequential, type Layer } from './sequential.js';

const CHANNELS = [16, 32] as const;
const MIN_SIDE = 4;

/**
 * Two convolutions: for a column of images, or for square images of one channel, one column a pixel in row-major order.
 * @throws WeighbridgeError MODEL_DOES_NOT_FIT if the columns do not make a square
 */
export function cnn({ inputs, image, classes, seed }: RecipeInput): Network {
  const { channels, height, width } = image ?? squareOf(inputs);
  const [first, second] = CHANNELS;
  const afterPools = (side: number): number => Math.floor(Math.floor(side / 2) / 2);
  const layers: Layer[] = [
    { kind: 'conv2d', inputs: channels, outputs: first, kernel: 3, padding: 1 },
    { kind: 'relu' },
    { kind: 'max-pool2d', kernel: 2 },
    { kind: 'conv2d', inputs: first, outputs: second, kernel: 3, padding: 1 },
    { kind: 'relu' },
    { kind: 'max-pool2d', kernel: 2 },
    { kind: 'flatten' },
    { kind: 'linear', inputs: second * afterPools(height) * afterPools(width), outputs: classes },
  ];
  return sequential([channels, height, width], layers, classes, seed);
}

function squareOf(inputs: number): { channels: number; height: number; width: number } {
  const side = Math.sqrt(inputs);
  if (Number.isInteger(side) && side >= MIN_SIDE) return { channels: 1, height: side, width: side };
  throw doesNotFit(
    `${inputs} features do not make a square image of at least ${MIN_SIDE} by ${MIN_SIDE}`,
    'Use --recipe mlp for this dataset.',
  );
}
