import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { network, testTerminal } from '../../../test/support/cli.js';
import { memoryLog } from '../../../test/support/memory-log.js';
import { ORIGIN, signNote, trust } from '../../../test/support/noted-log.js';
import { provenanceStory } from '../../../test/support/provenance-story.js';
import { to0x, utf8 } from '../../kernel/index.js';
import { formatCheckpoint } from '../../provenance/verify/index.js';
import type { Adapters } from '../ports.js';
import { runCli } from '../program.js';

// Real: the command line, records, signatures, tiles, a log over HTTP. Faked: the chain's answer, and a Ceramic without a batch.
const story = await provenanceStory();
const { listed, licensed, granted, completed, settled } = story.entries;
const whole = [listed, licensed, granted, completed, settled];

let dir: string;
let server: Server;
let entries: readonly Uint8Array[];
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'wb-audit-'));
  server = createServer((request, response) => {
    const { head, tiles } = memoryLog(entries);
    const note = signNote(formatCheckpoint({ origin: ORIGIN, ...head }));
    const name = request.url?.slice(1) ?? '';
    const body = name === 'checkpoint' ? utf8(note) : tiles.get(name);
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const here = { ...network, log: { ...network.log, url } };
  await writeFile(path.join(dir, 'network.json'), JSON.stringify(here));
  await writeFile(path.join(dir, 'trust.json'), JSON.stringify(trust));
});
afterEach(async () => {
  server.close();
  await rm(dir, { recursive: true, force: true });
});

async function run(log: readonly Uint8Array[], ...args: string[]) {
  entries = log;
  const { head } = memoryLog(whole.slice(0, 3));
  const adapters = {
    chainReader: async () => ({ anchored: async () => ({ size: BigInt(head.size), root: to0x(head.root) }) }),
    ceramic: async () => ({ loadBatch: async () => undefined, readBatches: async () => [] }),
  } as unknown as Adapters;
  const terminal = testTerminal({ cwd: dir });
  const options = ['--network', 'network.json', '--trust', path.join(dir, 'trust.json')];
  const code = await runCli(['audit', story.keyId, ...options, ...args], terminal.io, adapters);
  return { code, stdout: terminal.stdout(), stderr: terminal.stderr() };
}

describe('weighbridge audit', () => {
  it('says that everything holds, and exits with 0', async () => {
    const { code, stdout, stderr } = await run(whole, '--online');
    expect(stdout).toContain('Everything holds.');
    expect(stdout).toContain('numbered 1 to 5');
    expect({ code, fault: /fault/.test(stderr) }).toEqual({ code: 0, fault: false });
  });

  it.each<[string, readonly Uint8Array[], string[], RegExp]>([
    ['a record is missing', [listed, granted, completed, settled], [], /record 2 of this dataset missing/],
    ['an entry follows no known form', [...whole, utf8('anything')], [], /entry at 5 follows no known form/],
    ['the chain holds another history', [listed, granted, licensed, completed, settled], ['--online'], /NOT hold/],
    [
      'the chain holds more',
      whole.slice(0, 2),
      ['--online'],
      /chain:anchor: the chain knows 3 entries, the log shows 2/,
    ],
  ])('exits with 1 and says why where %s', async (_what, log, args, why) => {
    const { code, stdout, stderr } = await run(log, ...args);
    expect(stdout).toMatch(why);
    expect(stderr).toContain('the audit found a fault');
    expect(stdout).not.toContain('Everything holds.');
    expect(code).toBe(1);
  });
});
