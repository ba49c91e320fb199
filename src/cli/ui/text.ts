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
 * Text from elsewhere (titles, names) made safe for one line of a terminal: a seller must not be able to move a buyer's cursor, repaint what it read
 * (control characters, bidirectional overrides), or begin a line that looks like one of ours.
 */
export function plain(text: string): string {
  return text.replaceAll(/\s*[\n\r\t\u2028\u2029]\s*/g, ' ').replaceAll(/[\p{Cc}\p{Cf}]/gu, '\ufffd');
}

/** Text of several lines from elsewhere (a description, terms), set in so that none of them can be taken for one of ours. */
export function plainLines(text: string): string[] {
  return text.split(/\r\n|[\n\r\u2028\u2029]/).map((line) => `  ${plain(line)}`.trimEnd());
}

/** An option as it is typed: `learningRate` is `--learning-rate`. */
export function optionName(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;
}

/** "1 row", "2 rows". */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
