import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { createTestClient, http, publicActions } from 'viem';
import { keepState, saveState, type StateSource } from './anvil-state.js';
import { startChild, type ChildService } from './service.js';

/** Chain id of Filecoin's own devnet: the storage SDK knows it, and refuses anvil's usual 31337. */
export const DEVNET_CHAIN_ID = 31_415_926;

const READY_TIMEOUT_MS = 60_000;
/** Filecoin's own is above this; anvil's default would not take every contract of the devnet in one block. */
const BLOCK_GAS = 150_000_000;
const RPC_TIMEOUT_MS = 10_000;

export interface AnvilOptions {
  /** Folder for the chain's state, log and scratch files; made if missing. */
  dir: string;
  port: number;
  /** Seconds between blocks; 0 mines a block for each transaction. */
  blockTimeSeconds?: number;
}

export interface Anvil extends ChildService {
  readonly rpcUrl: string;
  /** Writes the chain's state to disk now; it is also done within seconds of every change, and at `stop`. */
  save(): Promise<void>;
}

/**
 * Starts the devnet's chain on 127.0.0.1, going on from the state in `dir`. It has no funded accounts: see `fund` in
 * `deploy.ts`. `finalized` lags `latest` by two blocks, and the cancun rules hold, which the contracts are compiled for.
 * @throws Error if the port answers already, or anvil is not ready in time
 */
export async function startAnvil({ dir, port, blockTimeSeconds = 1 }: AnvilOptions): Promise<Anvil> {
  const scratch = path.join(dir, 'scratch');
  const stateFile = path.join(dir, 'state.json');
  const runFile = path.join(dir, 'run.json');
  mkdirSync(dir, { recursive: true });
  await endOrphan(runFile, stateFile, scratch);
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch);

  const rpcUrl = `http://127.0.0.1:${port}`;
  const chain = stateSource(rpcUrl);
  if (await answers(rpcUrl)) throw new Error(`port ${port} is taken by another chain: stop it or choose another port`);
  const child = await startChild({
    name: 'anvil',
    command: anvilBinary(),
    args: [
      `--port=${port}`,
      `--chain-id=${DEVNET_CHAIN_ID}`,
      '--accounts=0',
      '--hardfork=cancun',
      '--slots-in-an-epoch=1',
      `--gas-limit=${BLOCK_GAS}`,
      '--quiet',
      '--no-cors',
      ...(blockTimeSeconds > 0 ? [`--block-time=${blockTimeSeconds}`] : []),
      // Old states go to the scratch folder, and only eight of them: anvil's default fills the home directory with a
      // file a block. `--prune-history` would save the files too, but then no read at `finalized` works.
      '--max-persisted-states=8',
      `--cache-path=${scratch}`,
      ...(existsSync(stateFile) ? [`--load-state=${stateFile}`] : []),
    ],
    logFile: path.join(dir, 'anvil.log'),
    ready: () => answers(rpcUrl),
    readyTimeoutMs: READY_TIMEOUT_MS,
  });
  writeFileSync(runFile, JSON.stringify({ pid: child.pid, rpcUrl }));
  const keeper = keepState(chain, stateFile);
  let stopping: Promise<void> | undefined;
  return {
    ...child,
    rpcUrl,
    save: () => keeper.save(),
    stop: () =>
      (stopping ??= (async () => {
        await keeper.stop();
        await child.stop();
        rmSync(runFile, { force: true });
      })()),
  };
}

/** The program itself: npm's `anvil` is a Node script around it, and killing that leaves the chain running. */
function anvilBinary(): string {
  const require = createRequire(import.meta.url);
  const cpu = process.arch === 'x64' ? 'amd64' : process.arch;
  try {
    const wrapper = createRequire(require.resolve('@foundry-rs/anvil/package.json'));
    return wrapper.resolve(`@foundry-rs/anvil-${process.platform}-${cpu}/bin/anvil`);
  } catch (cause) {
    throw new Error(`no anvil for ${process.platform} ${cpu} is installed: run "npm run setup"`, { cause });
  }
}

/**
 * A devnet that was killed leaves its chain behind. Take over what that chain knows, then end it: the port and the
 * state have one owner. The process is known by its pid and by our folder in its command line, so no other is hit.
 */
async function endOrphan(runFile: string, stateFile: string, scratch: string): Promise<void> {
  if (!existsSync(runFile)) return;
  const { pid, rpcUrl } = JSON.parse(readFileSync(runFile, 'utf8')) as { pid: number; rpcUrl: string };
  if (commandLine(pid).includes(`--cache-path=${scratch}`)) {
    await saveState(stateSource(rpcUrl), stateFile).catch(() => {});
    process.kill(pid, 'SIGKILL');
    while (commandLine(pid).includes(`--cache-path=${scratch}`))
      await new Promise((resolve) => setTimeout(resolve, 20));
  }
  rmSync(runFile, { force: true });
}

function commandLine(pid: number): string[] {
  const file = `/proc/${pid}/cmdline`;
  return existsSync(file) ? readFileSync(file, 'utf8').split('\0') : [];
}

function stateSource(rpcUrl: string): StateSource {
  const client = createTestClient({
    mode: 'anvil',
    transport: http(rpcUrl, { timeout: RPC_TIMEOUT_MS, retryCount: 0 }),
  }).extend(publicActions);
  return {
    stateRoot: async () => (await client.getBlock({ blockTag: 'latest' })).stateRoot,
    dump: () => client.dumpState(),
  };
}

async function answers(rpcUrl: string): Promise<boolean> {
  const client = createTestClient({ mode: 'anvil', transport: http(rpcUrl, { timeout: 1_000, retryCount: 0 }) });
  return client
    .extend(publicActions)
    .getChainId()
    .then(
      () => true,
      () => false,
    );
}
