import { z } from 'zod';

/** As much of a `tokenizer.json` as says which ids there are. A Unigram vocabulary is a list, whose places are the ids. */
const tokenizerSchema = z.object({
  model: z.object({
    vocab: z.union([z.record(z.string(), z.int().nonnegative()), z.array(z.tuple([z.string(), z.number()]))]),
  }),
  added_tokens: z.array(z.object({ content: z.string() })).nullish(),
});

/**
 * The largest id that a tokenizer gives, or -1 where its form does not tell: what it is, its library in the box decides. That library numbers
 * tokens which are added to the vocabulary from its size on, whatever the file says of them.
 * @param tokenizer - what the JSON holds
 */
export function largestToken(tokenizer: unknown): number {
  const { data } = tokenizerSchema.safeParse(tokenizer);
  if (data === undefined) return -1;
  const { vocab } = data.model;
  const ids = Array.isArray(vocab)
    ? new Map(vocab.map(([word], place) => [word, place]))
    : new Map(Object.entries(vocab));
  const added = new Set(data.added_tokens?.map(({ content }) => content).filter((content) => !ids.has(content)));
  const largest = [...ids.values()].reduce((most, id) => Math.max(most, id), -1);
  return added.size === 0 ? largest : Math.max(largest, ids.size + added.size - 1);
}
