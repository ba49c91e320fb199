import { addLoss, isNothing, NOTHING, worst, type Loss } from './loss.js';

/** Shard id to what it has lost. */
export type Book = Map<string, Loss>;

/** A shard without a history of its own begins with the worst of its family: its rows may come from there. */
export function inherit(book: Book, family: readonly string[]): void {
  const most = worstOf(book, family);
  for (const id of family) {
    const own = book.get(id);
    if (own === undefined || (isNothing(own) && !isNothing(most))) book.set(id, most);
  }
}

export function worstOf(book: Book, family: readonly string[]): Loss {
  return family.map((id) => book.get(id) ?? NOTHING).reduce(worst, NOTHING);
}

/** Takes a loss off every shard of the families. */
export function charge(book: Book, families: readonly (readonly string[])[], loss: Loss): void {
  for (const family of families) inherit(book, family);
  for (const id of families.flat()) book.set(id, addLoss(book.get(id) ?? NOTHING, loss));
}
