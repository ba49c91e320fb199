import { PassThrough } from 'node:stream';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Network } from '../../src/kernel/index.js';
import type { Io } from '../../src/cli/ui/io.js';
import { createUi, type Ui } from '../../src/cli/ui/ui.js';
import { findStateDir, type StateDir } from '../../src/cli/state/state-dir.js';
import { market, parties, protocolFeeBps } from './provenance-story.js';
import { logVkey, ORIGIN } from './noted-log.js';

const address = (digit: string) => `0x${digit.repeat(40)}` as const;

/** A network that nothing listens on: for tests whose edges are fakes. */
export const network: Network = {
  version: 1,
  name: 'test',
  chainId: market.chainId,
  rpcUrl: 'http://127.0.0.1:1',
  apiUrl: 'http://127.0.0.1:1',
  contracts: {
    marketplace: market.contract,
    logAnchor: address('2'),
    keyNodeStaking: address('3'),
    usdfc: address('4'),
    multicall3: address('5'),
    pdp: address('6'),
    fwss: address('7'),
    fwssView: address('8'),
    filecoinPay: address('9'),
    serviceProviderRegistry: address('a'),
    sessionKeyRegistry: address('b'),
    endorsements: address('c'),
  },
  operator: parties.operator.address,
  recorder: parties.recorder.address,
  treasury: parties.treasury.address,
  protocolFeeBps,
  log: { origin: ORIGIN, url: 'http://127.0.0.1:1', vkeys: [{ vkey: logVkey, fromSize: 0 }] },
  witnesses: { quorum: 0, members: [] },
  ceramic: { url: 'http://127.0.0.1:1', controller: 'did:key:z6Mk', model: 'kjz' },
};

export interface TestTerminal {
  io: Io;
  ui: Ui;
  stdout(): string;
  stderr(): string;
}

/** Streams that remember what was written to them. */
export function testTerminal(
  options: { json?: boolean; tty?: boolean; env?: NodeJS.ProcessEnv; cwd?: string } = {},
): TestTerminal {
  const { json = false, tty = false, env = {}, cwd = process.cwd() } = options;
  const [out, err] = [recorder(tty), recorder(tty)];
  const stdin = Object.assign(new PassThrough(), { isTTY: tty });
  const io: Io = {
    stdin: stdin as unknown as NodeJS.ReadStream,
    stdout: out.stream as unknown as NodeJS.WriteStream,
    stderr: err.stream as unknown as NodeJS.WriteStream,
    env,
    cwd,
  };
  return { io, ui: createUi(io, json), stdout: out.text, stderr: err.text };
}

/** A directory of its own, with a state directory in it. */
export async function testDir(): Promise<{ dir: string; state: StateDir; remove(): Promise<void> }> {
  const dir = await mkdtemp(path.join(tmpdir(), 'wb-cli-'));
  return {
    dir,
    state: findStateDir(dir, { WEIGHBRIDGE_STATE: path.join(dir, '.weighbridge') }),
    remove: async () => rm(dir, { recursive: true, force: true }),
  };
}

function recorder(tty: boolean): { stream: PassThrough; text(): string } {
  let text = '';
  const stream = Object.assign(new PassThrough(), { isTTY: tty, columns: 100 });
  stream.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
  return { stream, text: () => text };
}
