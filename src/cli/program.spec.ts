import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { network, testTerminal } from '../../test/support/cli.js';
import { ERROR_CODES, WeighbridgeError } from '../kernel/index.js';
import type { Adapters } from './ports.js';
import { createProgram, runCli } from './program.js';
import { EXIT, exitCodeOf } from './ui/exit-code.js';
import { wantsColour } from './ui/ui.js';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'wb-program-'));
});
afterEach(async () => rm(dir, { recursive: true, force: true }));

async function run(
  args: string[],
  options: { env?: NodeJS.ProcessEnv; tty?: boolean; adapters?: Partial<Adapters> } = {},
) {
  const terminal = testTerminal({ cwd: dir, env: options.env ?? {}, tty: options.tty ?? false });
  const code = await runCli(args, terminal.io, (options.adapters ?? {}) as Adapters);
  return { code, stdout: terminal.stdout(), stderr: terminal.stderr() };
}

describe('help', () => {
  const program = createProgram(async () => undefined, testTerminal().io);
  const paths = program.commands.flatMap((command) => [
    [command.name()],
    ...command.commands.map((child) => [command.name(), child.name()]),
  ]);

  it('of the whole', async () => {
    const { code, stdout } = await run(['--help']);
    expect(code).toBe(0);
    expect(stdout).toMatchSnapshot();
  });

  it.each(paths)('of %s %s', async (...names) => {
    const { code, stdout, stderr } = await run([...names.filter((name) => typeof name === 'string'), '--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('--json');
    expect(stdout).toMatchSnapshot();
  });

  it('shows an example for every command', async () => {
    for (const command of program.commands) {
      const { stdout } = await run([command.name(), '--help']);
      expect(stdout).toMatch(new RegExp(`Examples?:\\n  weighbridge ${command.name()}`));
    }
  });
});

describe('exit codes', () => {
  it('are 2 for usage, with what to do next', async () => {
    const { code, stdout, stderr } = await run(['publish', 'x.csv']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/required option.*\nnext: {2}run "weighbridge publish --help"/);
    expect((await run(['serach'])).stderr).toContain('Did you mean search?');
  });

  it('are 2 for usage under --json as well, as one JSON value', async () => {
    const { code, stdout } = await run(['train', '--json', '--recipe', 'mpl']);
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'BAD_INPUT', retryable: false } });
    for (const args of [['--json'], ['storage', '--json']]) {
      const { error } = JSON.parse((await run(args)).stdout) as { error: { message: string } };
      expect(error.message).toBe('no command is named');
    }
  });

  it('are 3 when nothing answers', async () => {
    await writeFile(path.join(dir, 'network.json'), JSON.stringify(network));
    const { code, stderr } = await run(['search', '--network', 'network.json']);
    expect(code).toBe(3);
    expect(stderr).toMatch(/error: the marketplace at .* cannot be reached \(UNAVAILABLE\)\nnext: /);
  });

  it('say of every known code what a script should do', () => {
    for (const code of ERROR_CODES) {
      const error = new WeighbridgeError(code, 'x', { next: 'y' });
      expect([EXIT.failed, EXIT.usage, EXIT.unavailable]).toContain(exitCodeOf(error));
    }
    expect(exitCodeOf(new Error('a bug'))).toBe(EXIT.failed);
  });

  it('show a bug as INTERNAL, with its stack only when asked', async () => {
    await writeFile(path.join(dir, 'network.json'), JSON.stringify(network));
    await writeFile(path.join(dir, 'key'), `0x${'11'.repeat(32)}\n`, { mode: 0o600 });
    const adapters: Partial<Adapters> = { buyerChain: async () => Promise.reject(new Error('oops')) };
    const args = ['account', '--network', 'network.json', '--key-file', 'key'];
    const plain = await run(args, { adapters });
    expect(plain).toMatchObject({ code: 1, stderr: expect.stringMatching(/error: oops \(INTERNAL\)/) });
    expect(plain.stderr).not.toMatch(/\n +at /);
    expect((await run(args, { adapters, env: { WEIGHBRIDGE_DEBUG: '1' } })).stderr).toMatch(/Error: oops\n +at /);
  });
});

describe('colours', () => {
  it.each([
    ['a terminal', { isTTY: true }, {}, true],
    ['a pipe', {}, {}, false],
    ['a pipe in CI', {}, { CI: 'true' }, false],
    ['NO_COLOR', { isTTY: true }, { NO_COLOR: '1' }, false],
    ['a dumb terminal', { isTTY: true }, { TERM: 'dumb' }, false],
  ])('%s', (_name, stream, env, expected) => {
    expect(wantsColour(stream, env)).toBe(expected);
  });

  it('show on a terminal, not under NO_COLOR', async () => {
    const bad = ['account', '--key-file', 'nowhere'];
    expect((await run(bad, { tty: true })).stderr).toContain('\u001b[31merror:');
    expect((await run(bad, { tty: true, env: { NO_COLOR: '1' } })).stderr).not.toContain('\u001b');
  });
});

describe('account new', () => {
  it('writes a key that only its owner reads, and prints the address alone', async () => {
    const file = path.join(dir, 'key');
    const { code, stdout, stderr } = await run(['account', 'new', '--out', file, '--json']);
    const key = (await readFile(file, 'utf8')).trim();
    expect(code).toBe(0);
    expect(key).toMatch(/^0x[0-9a-f]{64}$/);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(stdout)).toMatchObject({ address: expect.stringMatching(/^0x[0-9a-fA-F]{40}$/) });
    expect(stdout + stderr).not.toContain(key.slice(2));
  });

  it('never overwrites one', async () => {
    const file = path.join(dir, 'key');
    await run(['account', 'new', '--out', file]);
    const before = await readFile(file, 'utf8');
    expect((await run(['account', 'new', '--out', file])).code).toBe(2);
    expect(await readFile(file, 'utf8')).toBe(before);
  });
});

describe('the key file', () => {
  const args = ['account', '--network', 'network.json', '--key-file', 'key'];
  const adapters: Partial<Adapters> = {
    buyerChain: async () => ({ usdfcBalance: async () => 3n, owed: async () => 0n }) as never,
    nativeBalance: async () => 0n,
  };
  beforeEach(async () => writeFile(path.join(dir, 'network.json'), JSON.stringify(network)));

  it('that others can read is warned about', async () => {
    await writeFile(path.join(dir, 'key'), `0x${'11'.repeat(32)}\n`, { mode: 0o644 });
    const { code, stdout, stderr } = await run(args, { adapters });
    expect(code).toBe(0);
    expect(stderr).toMatch(/warning: others can read .*chmod 600/);
    expect(stdout).toContain('0.000000000000000003 USDFC');
  });

  it.each([
    ['an empty file', ''],
    ['a key of all zeros', `0x${'00'.repeat(32)}`],
    ['a key with a digit too many', `0x${'11'.repeat(32)}1`],
    ['a mnemonic', 'test test test test test test test test test test test junk'],
  ])('that holds %s is refused, and not quoted', async (_name, content) => {
    await writeFile(path.join(dir, 'key'), content, { mode: 0o600 });
    const { code, stdout, stderr } = await run(args, { adapters });
    expect(code).toBe(2);
    expect(stderr).toContain('CONFIG_INVALID');
    if (content !== '') expect(stdout + stderr).not.toContain(content.slice(2, 40));
  });
});

describe('the network file', () => {
  it.each([
    ['is missing', undefined, /cannot be read \(ENOENT\)/],
    ['is no JSON', 'x', /is not JSON/],
    ['lacks a field', JSON.stringify({ ...network, chainId: undefined }), /chainId: /],
  ])('that %s is named', async (_name, content, message) => {
    if (content !== undefined) await writeFile(path.join(dir, 'network.json'), content);
    const { code, stderr } = await run(['search', '--network', 'network.json']);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });

  it('is found in .weighbridge upwards, or by the variable', async () => {
    expect((await run(['search'])).stderr).toMatch(/no network file was found/);
    await writeFile(path.join(dir, 'n.json'), '{}');
    expect((await run(['search'], { env: { WEIGHBRIDGE_NETWORK: 'n.json' } })).stderr).toMatch(
      /n.json is not a network file/,
    );
  });
});
