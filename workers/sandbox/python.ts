import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { unavailable } from './errors.js';

/** Where the parts of a Python environment really are: a virtual environment is a directory of links. */
const pythonSchema = z.object({
  /** The interpreter itself. */
  executable: z.string(),
  /** The installation it belongs to; it may lie outside /usr (pyenv, uv). */
  prefix: z.string(),
  /** The environment's packages. */
  packages: z.string(),
});
export type Python = z.infer<typeof pythonSchema>;

const ABOUT = `
import json, os, sys, sysconfig
print(json.dumps({"executable": os.path.realpath(sys.executable), "prefix": os.path.realpath(sys.base_prefix),
                  "packages": os.path.realpath(sysconfig.get_path("purelib"))}))`;
const TIMEOUT_MS = 30_000;

/** @throws WeighbridgeError SANDBOX_UNAVAILABLE if the environment is not there */
export async function inspectPython(pythonDir: string): Promise<Python> {
  try {
    const output = await runPython(pythonDir, ['-I', '-c', ABOUT]);
    return pythonSchema.parse(JSON.parse(output.toString('utf8')));
  } catch (error) {
    throw unavailable(`no Python environment at ${pythonDir}`, 'Run: npm run setup', error);
  }
}

/** Runs the environment's Python outside any box, for code of ours alone. Answers what it printed. */
export async function runPython(pythonDir: string, args: string[]): Promise<Buffer> {
  const { stdout } = await promisify(execFile)(path.join(pythonDir, 'bin', 'python'), args, {
    timeout: TIMEOUT_MS,
    encoding: 'buffer',
  });
  return stdout;
}
