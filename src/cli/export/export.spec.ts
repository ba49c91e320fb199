import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testTerminal } from '../../../test/support/cli.js';
import { trust } from '../../../test/support/noted-log.js';
import { storyReceipt } from '../../../test/support/story-receipt.js';
import type { Adapters } from '../ports.js';
import { runCli } from '../program.js';

// Real: a receipt, its verification, the files and the command line. No network is asked for a receipt's history.
let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'wb-export-'));
  const receipt = await storyReceipt();
  await writeFile(path.join(dir, 'receipt.json'), receipt);
  await writeFile(path.join(dir, 'trust.json'), JSON.stringify(trust));
  await writeFile(
    path.join(dir, 'changed.json'),
    new TextDecoder().decode(receipt).replace('"epochs":20', '"epochs":21'),
  );
});
afterAll(async () => rm(dir, { recursive: true, force: true }));

async function run(...args: string[]) {
  const terminal = testTerminal({ cwd: dir });
  const code = await runCli(
    ['export', ...args, '--trust', path.join(dir, 'trust.json')],
    terminal.io,
    {} as Partial<Adapters> as Adapters,
  );
  return { code, stdout: terminal.stdout(), stderr: terminal.stderr() };
}

describe('export of a receipt', () => {
  it.each([
    ['prov', { prefix: { wb: expect.stringContaining('https://') }, wasGeneratedBy: expect.any(Object) }],
    ['openlineage', [{ eventType: 'START' }, { eventType: 'COMPLETE' }]],
    ['slsa', [{ predicateType: 'https://slsa.dev/provenance/v1' }]],
  ])('as %s goes to standard output as JSON alone', async (format, expected) => {
    const { code, stdout, stderr } = await run(path.join(dir, 'receipt.json'), '--as', format);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject(expected);
  });

  it('goes to a file, and says so', async () => {
    const out = path.join(dir, 'out.json');
    const { code, stdout } = await run(path.join(dir, 'receipt.json'), '--as', 'slsa', '--out', out);
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${out}: 5 records as slsa\n` });
    expect(JSON.parse(await readFile(out, 'utf8'))).toHaveLength(1);
  });

  it('is refused for a receipt that does not hold, and for another format', async () => {
    expect(await run(path.join(dir, 'changed.json'), '--as', 'prov')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/training: .*\(RECEIPT_INVALID\)\nnext: .*weighbridge verify/),
    });
    expect((await run(path.join(dir, 'receipt.json'), '--as', 'xml')).code).toBe(2);
    expect((await run(path.join(dir, 'receipt.json'))).code).toBe(2);
  });
});
