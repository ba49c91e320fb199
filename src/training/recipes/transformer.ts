import { doesNotFit } from '../model-errors.js';
import { filled, kaimingUniform, weightAndBias } from './initial-weights.js';
import { NetworkBuilder, type Network, type RecipeInput } from './network.js';

const WIDTH = 32;
const HEADS = 4;
/** One: each costs seconds of compiling, and a small table asks for no second. */
const BLOCKS = 1;
const MLP_WIDTH = 64;
/** Attention is quadratic in the columns, and which numbers are which column's is a matrix. */
const MAX_COLUMNS = 256;
const MAX_NUMBERS = 4096;

/**
 * Attention between the columns of a table (FT-Transformer, arXiv:2106.11959): each feature is a token, an affine
 * embedding of its own numbers; encoder blocks with the norm in front; the mean over the tokens; a linear head. Under
 * `encoder` names and shapes are those of PyTorch's `nn.TransformerEncoder` of `nn.TransformerEncoderLayer(32, 4, 64,
 * activation="gelu", batch_first=True, norm_first=True)` with a norm at the end.
 * @throws WeighbridgeError MODEL_DOES_NOT_FIT if there are too many columns
 */
export function transformer({ widths, inputs, classes, seed }: RecipeInput): Network {
  if (widths.length > MAX_COLUMNS || inputs > MAX_NUMBERS) {
    throw doesNotFit(
      `${widths.length} features of ${inputs} numbers are more than the ${MAX_COLUMNS} of ${MAX_NUMBERS} of a transformer`,
      'Use --recipe mlp for this dataset.',
    );
  }
  const builder = new NetworkBuilder({ name: 'input', shape: [inputs] });
  let tokens = embed(builder, widths, inputs, seed);
  for (let block = 0; block < BLOCKS; block++) {
    const name = `encoder.layers.${block}`;
    const attended = attention(
      builder,
      `${name}.self_attn`,
      norm(builder, `${name}.norm1`, tokens),
      widths.length,
      seed,
    );
    tokens = builder.node('Add', [tokens, attended]);
    const hidden = linear(builder, `${name}.linear1`, norm(builder, `${name}.norm2`, tokens), [MLP_WIDTH, WIDTH], seed);
    const out = linear(builder, `${name}.linear2`, builder.node('Gelu', [hidden]), [WIDTH, MLP_WIDTH], seed);
    tokens = builder.node('Add', [tokens, out]);
  }
  const axes = builder.constant({ ints: [1] });
  const pooled = builder.node('ReduceMean', [norm(builder, 'encoder.norm', tokens), axes], { keepdims: { int: 0 } });
  const head = weightAndBias('head', [classes, WIDTH], seed).map((tensor) => builder.trained(tensor));
  builder.node('Gemm', [pooled, ...head], { transB: { int: 1 } }, 'logits');
  return builder.network({ name: 'logits', shape: [classes] });
}

/**
 * [inputs] to [columns, WIDTH]: the numbers times vectors of their own, summed up by column, plus a vector a column.
 * Those begin at random, or a column of zeros would begin as a token of zeros, which no norm can stretch.
 */
function embed(builder: NetworkBuilder, widths: readonly number[], inputs: number, seed: number): string {
  const cells = builder.node('Unsqueeze', ['input', builder.constant({ ints: [2] })]);
  const weight = builder.trained(kaimingUniform('embed.weight', [inputs, WIDTH], seed));
  const numbers = builder.node('Mul', [cells, weight]);
  const sums =
    inputs === widths.length ? numbers : builder.node('MatMul', [columnsOf(builder, widths, inputs), numbers]);
  return builder.node('Add', [sums, builder.trained(kaimingUniform('embed.bias', [widths.length, WIDTH], seed))]);
}

/** Which numbers belong to which column. Frozen: a fact about the features, not something to learn. */
function columnsOf(builder: NetworkBuilder, widths: readonly number[], inputs: number): string {
  const columns = filled('embed.columns', [widths.length, inputs], 0);
  let start = 0;
  for (const [column, width] of widths.entries()) {
    columns.data.fill(1, column * inputs + start, column * inputs + start + width);
    start += width;
  }
  return builder.frozen(columns);
}

/** Each column looks at each other one. `in_proj` makes query, key and value in one product, as in PyTorch. */
function attention(builder: NetworkBuilder, name: string, tokens: string, columns: number, seed: number): string {
  const inWeight = kaimingUniform(`${name}.in_proj_weight`, [3 * WIDTH, WIDTH], seed);
  const inBias = filled(`${name}.in_proj_bias`, [3 * WIDTH], 0);
  const projected = product(builder, tokens, builder.trained(inWeight), builder.trained(inBias));
  const shape = builder.constant({ ints: [0, columns, HEADS, WIDTH / HEADS] });
  const [query, key, value] = builder.splitInThree(projected, 2);
  const heads = (part: string, perm: number[]): string => turned(builder, builder.node('Reshape', [part, shape]), perm);
  const scale = builder.constant({ float: Math.sqrt(HEADS / WIDTH) });
  const scaled = builder.node('Mul', [heads(query, [0, 2, 1, 3]), scale]);
  const weights = builder.node('Softmax', [builder.node('MatMul', [scaled, heads(key, [0, 2, 3, 1])])]);
  const mixed = builder.node('MatMul', [weights, heads(value, [0, 2, 1, 3])]);
  const joined = turned(builder, mixed, [0, 2, 1, 3]);
  const whole = builder.node('Reshape', [joined, builder.constant({ ints: [0, columns, WIDTH] })]);
  return linear(builder, `${name}.out_proj`, whole, [WIDTH, WIDTH], seed);
}

function norm(builder: NetworkBuilder, name: string, value: string): string {
  const parameters = [filled(`${name}.weight`, [WIDTH], 1), filled(`${name}.bias`, [WIDTH], 0)];
  return builder.node('LayerNormalization', [value, ...parameters.map((tensor) => builder.trained(tensor))]);
}

/** A linear layer for each token. */
function linear(builder: NetworkBuilder, name: string, value: string, shape: [number, number], seed: number): string {
  const [weight, bias] = weightAndBias(name, shape, seed);
  return product(builder, value, builder.trained(weight), builder.trained(bias));
}

/** Gemm takes matrices only: here each row is one. */
function product(builder: NetworkBuilder, value: string, weight: string, bias: string): string {
  return builder.node('Add', [builder.node('MatMul', [value, turned(builder, weight, [1, 0])]), bias]);
}

function turned(builder: NetworkBuilder, value: string, perm: readonly number[]): string {
  return builder.node('Transpose', [value], { perm: { ints: perm } });
}
