/** An id cut to what every command takes in its place: 8 hex digits. */
export function shortId(id: string): string {
  return id.slice(0, 10);
}

export function shortAddress(address: string): string {
  return `${address.slice(0, 6)}…${address.slice(-4)}`;
}

/** ISO time to the second, as people and `sort` read it. */
export function time(iso: string): string {
  return iso.replace('T', ' ').replace(/\.\d+/, '').replace(/Z$/, ' UTC');
}

export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let amount = count;
  let unit = 0;
  for (; amount >= 1024 && unit < units.length - 1; unit++) amount /= 1024;
  return `${unit === 0 ? amount : amount.toFixed(1)} ${units[unit] ?? ''}`;
}

/**
 * Text from elsewhere (titles, terms, names) made safe for a terminal: a seller must not be able to move a buyer's cursor
 * or repaint what it read (control characters, bidirectional overrides).
 */
export function plain(text: string): string {
  return text.replaceAll(/(?![\n\t])[\p{Cc}\p{Cf}]/gu, '\ufffd');
}
