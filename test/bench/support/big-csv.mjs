// Files of so many bytes to publish.
import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';

const CITIES = ['Accra', 'Kyoto', 'Lima', 'Oslo', 'Porto', 'Quito'];

/** What a row is made of: numbers alone, as measurements are, or what people write down. */
export const TABLES = {
  numbers: { header: 'a,b,c', row: () => `${Math.random()},${Math.random()},${Math.random()}` },
  mixed: {
    header: 'id,age,height,city,note,flag,score',
    row: (i) =>
      `${i},${20 + (i % 60)},${(150 + Math.random() * 50).toFixed(1)},${CITIES[i % CITIES.length]},"text ${word()} ${word()}, and more",${i % 2 === 1},${Math.random()}`,
  },
};

/** @returns bytes written: the rows that reach `sizeBytes` */
export async function writeBigCsv(file, sizeBytes, { header, row } = TABLES.numbers) {
  const out = createWriteStream(file);
  out.write(`${header}\n`);
  let written = header.length + 1;
  for (let rows = 0; written < sizeBytes; rows += 1000) {
    const lines = Array.from({ length: 1000 }, (_, i) => `${row(rows + i)}\n`).join('');
    written += lines.length;
    if (!out.write(lines)) await once(out, 'drain');
  }
  out.end();
  await finished(out);
  return written;
}

function word() {
  return Math.random().toString(36).slice(2);
}
