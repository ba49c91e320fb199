// Real: the program as it is built and started by `npx weighbridge`, its processes, pipes and files. Faked: nothing. No network.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { distDir } from '../support/build.js';
import { logVkey, trust } from '../support/noted-log.js';
import { writeStaticLog } from '../support/static-log.js';
import { storyReceipt } from '../support/story-receipt.js';

const bin = path.resolve(import.meta.dirname, '../../bin/weighbridge.mjs');
/** Prints the URL of every module that is loaded. */
const SPY =
  'data:text/javascript,import{registerHooks}from"node:module";registerHooks({load(u,c,n){process.stderr.write("load "+u+"\\n");return n(u,c)}})';
const HEAVY = /@lit-protocol|@filoz|@duckdb|@ceramicnetwork|@prisma|generated\/prisma|bullmq|@nestjs/;
const programs = path.join(distDir(), 'programs');
/** Which modules lie in which file of the programs. */
const bundle = JSON.parse(readFileSync(path.join(programs, 'bundle.json'), 'utf8')) as {
  modules: Record<string, string[]>;
};

let dir: string;
beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'wb-cli-process-'));
  writeFileSync(path.join(dir, 'receipt.json'), await storyReceipt());
  writeFileSync(path.join(dir, 'trust.json'), JSON.stringify(trust));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function run(args: string[], node: string[] = []) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...node, bin, ...args], {
    cwd: dir,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

/** The modules that the spy saw, those of bundled files one by one. */
function modulesIn(spied: string): string[] {
  const urls = spied.split('\n').flatMap((line) => (line.startsWith('load ') ? [line.slice('load '.length)] : []));
  return urls.flatMap((url) => {
    const file = url.startsWith(pathToFileURL(programs).href) ? bundle.modules[path.basename(url)] : undefined;
    return file ?? [url];
  });
}

describe('a whole log', () => {
  // Enough entries that threads do the work, at a size whose last bundle is partial.
  const entries = Array.from({ length: 50_100 }, (_, i) => Buffer.from(`entry ${i}`));
  const verifyLog = (where: string, ...more: string[]) => run(['verify', '--log', where, ...more]);
  const origin = (handler: (file: string) => Buffer) =>
    createServer((request, response) => {
      try {
        response.end(handler(path.join(dir, 'log', request.url ?? '')));
      } catch {
        response.writeHead(404).end();
      }
    });

  it('is verified from a folder and from a URL, by a trust file and by a key alone', async () => {
    await writeStaticLog(path.join(dir, 'log'), entries);
    const held = verifyLog('log', '--trust', 'trust.json');
    expect(held).toMatchObject({ status: 0, stderr: '' });
    expect(held.stdout).toMatch(/✓ +root .*\n\nThe log holds: 50100 entries verified/);
    expect(verifyLog('log', '--vkey', logVkey).status).toBe(0);
    const server = origin((file) => readFileSync(file)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const child = spawn(
      process.execPath,
      [bin, 'verify', '--log', `http://127.0.0.1:${port}/`, '--trust', 'trust.json'],
      {
        cwd: dir,
        stdio: 'ignore',
      },
    );
    expect(await new Promise((resolve) => child.once('close', resolve))).toBe(0);
    server.close();
  });

  it('that was tampered with fails, and the file is named', () => {
    const bundle = path.join(dir, 'log/tile/entries/100');
    const honest = readFileSync(bundle);
    writeFileSync(bundle, Buffer.from(honest).fill('X', 3, 4));
    const { status, stdout, stderr } = verifyLog('log', '--trust', 'trust.json', '--json');
    writeFileSync(bundle, honest);
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
    const checks = (JSON.parse(stdout) as { checks: { name: string; ok: boolean; detail: string }[] }).checks;
    expect(checks.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual(['tiles', 'root']);
    expect(checks.find(({ name }) => name === 'tiles')?.detail).toContain('tile/0/100');
  });

  it('of another key, or half missing, is told apart', () => {
    const other = logVkey.replace(/A/, 'B');
    expect(verifyLog('log', '--vkey', other).status).toBe(2);
    rmSync(path.join(dir, 'log/tile/entries/007'));
    expect(verifyLog('log', '--trust', 'trust.json')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('tile/entries/007 cannot be read'),
    });
    expect(verifyLog('nowhere', '--trust', 'trust.json').status).toBe(2);
  });
});

describe('the program', () => {
  it('shows its help, and loads no SDK for it', () => {
    const { status, stdout, stderr } = run(['train', '--help'], ['--import', SPY]);
    expect(status).toBe(0);
    expect(stdout).toContain('Usage: weighbridge train');
    const loaded = modulesIn(stderr);
    expect(loaded).toEqual(expect.arrayContaining(['dist/src/cli/main.js', 'dist/src/cli/commands/train.js']));
    expect(loaded.filter((module) => HEAVY.test(module) || module.includes('/viem/'))).toEqual([]);
  });

  it('verifies offline, and loads no SDK of a network for it', () => {
    const { status, stdout, stderr } = run(
      ['verify', 'receipt.json', '--trust', 'trust.json', '--json'],
      ['--import', SPY],
    );
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ ok: true });
    const loaded = modulesIn(stderr);
    expect(loaded).toContain('dist/src/provenance/verify/index.js');
    expect(loaded.filter((module) => HEAVY.test(module))).toEqual([]);
  });

  it('exits with 1, 2 and 3 as its help says', () => {
    writeFileSync(path.join(dir, 'broken.json'), '{}\n');
    expect(run(['verify', 'broken.json', '--trust', 'trust.json']).status).toBe(1);
    expect(run(['verify']).status).toBe(2);
    expect(run(['verify', 'receipt.json']).status).toBe(2);
  });

  it('does not die of a reader that has seen enough', async () => {
    const child = spawn(process.execPath, [bin, 'verify', 'receipt.json', '--trust', 'trust.json'], { cwd: dir });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    expect(await new Promise((resolve) => child.once('close', resolve))).toBe(0);
    expect(stderr).toBe('');
  });

  it('says what to do in a checkout that is not built', () => {
    const checkout = mkdtempSync(path.join(dir, 'checkout-'));
    cpSync(path.dirname(bin), path.join(checkout, 'bin'), { recursive: true });
    const { status, stderr } = spawnSync(process.execPath, [path.join(checkout, 'bin/weighbridge.mjs')], {
      encoding: 'utf8',
    });
    expect(status).toBe(2);
    expect(stderr).toMatch(/not built yet\nnext: {2}run "npm run setup && npm run build"/);
  });
});
