import { stripVTControlCharacters } from 'node:util';

/** Left-aligned columns two spaces apart. Cells may carry colours. Nothing trails. */
export function table(rows: string[][]): string[] {
  const widths = rows.reduce<number[]>((max, row) => {
    row.forEach((cell, i) => (max[i] = Math.max(max[i] ?? 0, widthOf(cell))));
    return max;
  }, []);
  return rows.map((row) =>
    row
      .map((cell, i) => (i === row.length - 1 ? cell : cell + ' '.repeat((widths[i] ?? 0) - widthOf(cell))))
      .join('  ')
      .trimEnd(),
  );
}

/** "name: value" lines with the values under one another. */
export function facts(pairs: [name: string, value: string][]): string[] {
  return table(pairs.map(([name, value]) => [`${name}:`, value]));
}

function widthOf(cell: string): number {
  return stripVTControlCharacters(cell).length;
}
