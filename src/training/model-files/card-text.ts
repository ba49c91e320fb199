/** What others wrote, as text in Markdown: a title or a column's name must not become a link or a heading. */
export function escaped(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, ' ').replaceAll(/[\\`*_{}[\]()<>#+!|&~$]/g, '\\$&');
}

/** The first few, and how many more there are. */
export function listed(words: readonly string[], shown: number): string {
  const more = words.length - shown;
  return [...words.slice(0, shown), ...(more > 0 ? [`and ${more} more`] : [])].join(', ');
}
