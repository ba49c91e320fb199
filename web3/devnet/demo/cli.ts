import { spawn } from 'node:child_process';
import path from 'node:path';
import { compileCache } from '../compile-cache.js';

export interface CliResult {
  code: number;
  /** The one JSON value that `--json` prints, or undefined if it printed none. */
  json: unknown;
  stdout: string;
  stderr: string;
}

export interface CliOptions {
  distDir: string;
  networkFile: string;
  keyFile?: string;
  cwd: string;
  timeoutMs?: number;
}

/** Runs `weighbridge ARGS --json` as a person's shell would: the same program, in a process of its own. */
export async function weighbridge(args: string[], options: CliOptions): Promise<CliResult> {
  const { distDir, networkFile, keyFile, cwd, timeoutMs = 300_000 } = options;
  const child = spawn(process.execPath, [path.join(distDir, 'programs/cli.js'), ...args, '--json'], {
    cwd,
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      ...compileCache,
      WEIGHBRIDGE_NETWORK: networkFile,
      ...(keyFile === undefined ? {} : { WEIGHBRIDGE_KEY_FILE: keyFile }),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exit) => resolve(exit ?? -1));
  });
  return { code, json: parse(stdout), stdout, stderr };
}

/** The JSON of a run that had to succeed. @throws Error with what the command printed */
export async function mustRun(args: string[], options: CliOptions): Promise<unknown> {
  const result = await weighbridge(args, options);
  if (result.code !== 0) {
    throw new Error(`weighbridge ${args.join(' ')} exited with ${result.code}\n${result.stderr}${result.stdout}`);
  }
  return result.json;
}

function parse(stdout: string): unknown {
  try {
    return JSON.parse(stdout);
  } catch {
    return undefined;
  }
}
