// Real: DuckDB and the files. Faked: nothing.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testDir, testTerminal } from '../../../test/support/cli.js';
import type { Adapters } from '../ports.js';
import { runCli } from '../program.js';

let dir: string;
let remove: () => Promise<void>;
beforeEach(async () => ({ dir, remove } = await testDir()));
afterEach(async () => remove());

async function inspect(text: string, ...args: string[]) {
  await writeFile(path.join(dir, 'data.csv'), text);
  const { io, stdout, stderr } = testTerminal({ cwd: dir });
  // No network file, no key and no adapter: whatever asked for one would fail.
  const code = await runCli(['inspect', path.join(dir, 'data.csv'), ...args], io, {} as Adapters);
  return { code, stdout: stdout(), stderr: stderr() };
}

const CSV = `id,age,contact,called,kind,first name
1,30,a@example.org,+49 30 1234567,x,Ann
2,,b@example.org,030/7654321,x,Bo
3,41,c@example.org,+1 (555) 010-9999,x,Cy
3,41,c@example.org,+1 (555) 010-9999,x,Cy
`;

describe('weighbridge inspect', () => {
  it('tells what would be listed, and what is wrong with it, without a network', async () => {
    const { code, stdout } = await inspect(CSV, '--label', 'id', '--json');
    expect(code).toBe(0);
    const { listed, quality } = JSON.parse(stdout) as { listed: unknown; quality: { columns: { name: string }[] } };
    expect(listed).toMatchObject({ format: 'csv' });
    expect(quality).toMatchObject({ rowCount: 4, duplicateRows: 1 });
    expect(Object.fromEntries(quality.columns.map(({ name, ...rest }) => [name, rest]))).toEqual({
      id: { type: 'integer', missing: 0, constant: false },
      age: { type: 'integer', missing: 1, constant: false },
      contact: { type: 'string', missing: 0, constant: false, personal: 'it holds mail addresses' },
      called: { type: 'string', missing: 0, constant: false, personal: 'it holds what look like phone numbers' },
      kind: { type: 'string', missing: 0, constant: true },
      'first name': { type: 'string', missing: 0, constant: false, personal: 'its name says so' },
    });
  });

  it('shows what the columns file beside it declares, as publish would take it', async () => {
    const csv = 'x,y\n1,a\n2,b\n';
    expect((await inspect(csv)).stdout).toContain('(nothing: give --columns');
    const file = path.join(dir, 'data.columns.json');
    await writeFile(file, '{"x": {"range": [0, 9]}, "y": {"vocabulary": ["a", "b"]}}');
    const { stdout } = await inspect(csv);
    expect(stdout).toContain(`(in ${file}):`);
    expect(stdout).toMatch(/x +integer +0 to 9/);
    expect(stdout).toMatch(/y +string +one of a, b/);
    const { listed } = JSON.parse((await inspect(csv, '--json')).stdout) as { listed: { columns: unknown } };
    expect(listed.columns).toContainEqual({ name: 'x', type: 'integer', range: { min: 0, max: 9 } });
  });

  it('counts the values of the label', async () => {
    const { stdout } = await inspect('x,y\n1,a\n2,a\n3,b\n', '--label', 'y');
    expect(stdout).toContain('label a: 2 rows, 66.7 %');
    expect(stdout).toContain('no row is there twice');
  });

  it('refuses what publish would refuse, with row and column', async () => {
    const { code, stderr } = await inspect('x,y\n1,a\nb,b\n2,c\n3,d\n4,e\n');
    expect(code).toBe(2);
    expect(stderr).toMatch(/row 2, column "x"/);
  });

  it('says of numbers with a decimal comma that they are kept as text', async () => {
    const rows = ['0,5;1.500,25;1,5 m;a,b;2024,x', '-3;12,0;2,5 m;c,d;2025,y', ';7;3,5 m;e,f;2026,z'];
    const { stdout } = await inspect(`x;y;length;words;codes\n${rows.join('\n')}\n`, '--json');
    const { quality } = JSON.parse(stdout) as { quality: { columns: { name: string; decimalComma?: true }[] } };
    expect(quality.columns.filter(({ decimalComma }) => decimalComma).map(({ name }) => name)).toEqual(['x', 'y']);
    expect((await inspect('x;y\n0,5;1\n1,5;0\n')).stdout).toMatch(/x +string +numbers with a decimal comma, kept as/);
  });

  it('says of codes that begin with a zero that they lose it, unless the seller declares what they are', async () => {
    const csv = 'zip,share,flag,word\n01234,0.5,0,007a\n98765,0,1,1\n';
    const { stdout } = await inspect(csv, '--json');
    const { quality } = JSON.parse(stdout) as { quality: { columns: { name: string; losesZeros?: true }[] } };
    expect(quality.columns.filter(({ losesZeros }) => losesZeros).map(({ name }) => name)).toEqual(['zip']);
    expect((await inspect(csv)).stdout).toMatch(/zip +integer +loses leading zeros/);
    for (const type of ['string', 'integer']) {
      await writeFile(path.join(dir, 'columns.json'), JSON.stringify({ zip: { type } }));
      const declared = await inspect(csv, '--columns', path.join(dir, 'columns.json'));
      expect(declared.stdout).toMatch(new RegExp(`zip +${type}`));
      expect(declared.stdout).not.toContain('zeros');
    }
  });

  it('does not take days for phone numbers, in whatever order they are written', async () => {
    const days = ['2024-01-31,31.01.2024,1/31/2024,2024 01 31', '2024-02-01,01.02.2024,12/1/2024,2024 02 01'];
    const { stdout } = await inspect(`iso,german,american,spaced\n${days.join('\n')}\n`, '--json');
    const { quality } = JSON.parse(stdout) as { quality: { columns: { type: string; personal?: string }[] } };
    expect(quality.columns).toHaveLength(4);
    for (const { type, personal } of quality.columns)
      expect({ type, personal }).toEqual({ type: 'string', personal: undefined });
  });

  it('does not take measurements and pixels for people', async () => {
    const { stdout } = await inspect('mean radius,pixel_0_0,hostname,address_count\n1.5,3,a,2\n2.5,4,b,3\n', '--json');
    const { quality } = JSON.parse(stdout) as { quality: { columns: { name: string; personal?: string }[] } };
    expect(quality.columns.filter(({ personal }) => personal !== undefined).map(({ name }) => name)).toEqual([
      'address_count',
    ]);
  });
});
