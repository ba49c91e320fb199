import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { createServer } from 'node:net';
import { openSync } from 'node:fs';
import { compileCache } from './compile-cache.js';
import { endOrphan, noteProcess } from './orphan.js';

/** A dozen services that are asked more often take from each other the time to start in. */
const READY_POLL_MS = 150;

/** Something that was started and can be stopped. Stopping twice is harmless. */
export interface Service {
  stop(): Promise<void>;
}

/** A free TCP port of 127.0.0.1. Another process may take it before you do: bind soon, and retry. */
export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        address !== null && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}

export interface ChildOptions extends SpawnOptions {
  name: string;
  command: string;
  args: string[];
  /** Standard output and error go here. */
  logFile: string;
  /** Polled until it answers true. */
  ready: () => Promise<boolean>;
  readyTimeoutMs: number;
  /**
   * Where the process is noted, if it is one of ours: a start that finds one there which a killed devnet left behind ends
   * it first. The program gets one more argument, which it ignores and by which we know it.
   */
  pidFile?: string;
}

export interface ChildService extends Service {
  readonly pid: number;
  /** Resolves with the exit code or signal when the process ends, whoever ended it. */
  readonly exited: Promise<number | NodeJS.Signals>;
  kill(signal: NodeJS.Signals): void;
}

/**
 * Starts a child process and waits until it is ready. @throws Error with the end of its log if it dies first or is late.
 */
export async function startChild(options: ChildOptions): Promise<ChildService> {
  const { name, command, args, logFile, ready, readyTimeoutMs, pidFile, ...spawnOptions } = options;
  const mark = pidFile === undefined ? [] : [`--devnet=${pidFile}`];
  if (pidFile !== undefined) await endOrphan(pidFile, mark.join());
  const log = openSync(logFile, 'a');
  const env = { ...compileCache, ...(spawnOptions.env ?? process.env) };
  const child = spawn(command, [...args, ...mark], { ...spawnOptions, env, stdio: ['ignore', log, log] });
  if (pidFile !== undefined && child.pid !== undefined) noteProcess(pidFile, child.pid);
  const exited = exitOf(child);
  let ended = false;
  void exited.then(() => (ended = true));
  const deadline = Date.now() + readyTimeoutMs;
  while (!(await ready().catch(() => false))) {
    if (ended) throw new Error(`${name} ended before it was ready: see ${logFile}`);
    if (Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`${name} was not ready within ${readyTimeoutMs} ms: see ${logFile}`);
    }
    await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
  }
  return {
    pid: child.pid ?? 0,
    exited,
    kill: (signal) => void child.kill(signal),
    stop: async () => {
      if (ended) return;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await exited;
      clearTimeout(timer);
    },
  };
}

/** A child process that tests kill and start again. */
export class Restartable implements Service {
  #child: ChildService | undefined;

  constructor(private readonly options: ChildOptions) {}

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Starts it, with the same state if it ran before, and waits until it is ready. */
  async start(): Promise<void> {
    this.#child = await startChild(this.options);
  }

  /** Sends a signal, SIGKILL unless another is given, and waits until the process is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#child?.kill(signal);
    await this.#child?.exited;
  }

  async stop(): Promise<void> {
    await this.#child?.stop();
  }
}

/** All of them, or none: when one does not start, the others are stopped. @throws what the first that failed threw */
export async function startAll(services: readonly Restartable[]): Promise<Service> {
  const stop = async (): Promise<void> => void (await Promise.all(services.map(async (service) => service.stop())));
  const started = await Promise.allSettled(services.map(async (service) => service.start()));
  const failed = started.find((result) => result.status === 'rejected');
  if (failed === undefined) return { stop };
  await stop();
  throw failed.reason;
}

async function exitOf(child: ChildProcess): Promise<number | NodeJS.Signals> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 'SIGKILL'));
  });
}
