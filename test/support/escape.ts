import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { drawBlueprint, startBox } from '../../workers/sandbox/box.js';
import { DEFAULT_LIMITS } from '../../workers/sandbox/limits.js';
import { seccompFilter } from '../../workers/sandbox/seccomp.js';

const pythonDir = path.resolve('.weighbridge/python/trainer');
export const ESCAPING_TRAINER = path.resolve('test/support/escaping-trainer');
/** As escape.py has it. */
const SPOOL_BYTES = 16 * 2 ** 20;
export const ESCAPE_LIMITS = { ...DEFAULT_LIMITS, addressSpaceBytes: 2 ** 30, tmpBytes: 8 * 2 ** 20 };
/** An attempt that waits for ever is ended after it, and is then the one that began and did not end. */
const DEADLINE_MS = 30_000;

export interface Escape {
  /** Of each attempt what stopped it: the name of an error, '' if nothing did, or that it never came back. */
  attempts: Record<string, string>;
  about: Record<string, string[] | string>;
  used: { diskBytes: number; memoryBytes: number; threads: number };
  said: string;
  /** The names of files that the spool left in its directory. */
  spooled: string[];
}

/**
 * Runs `escaping-trainer/escape.py` in a real box, which is started out of a terminal: its own program could open that if it were
 * not in a session of its own.
 * @param asked what it is asked for: host paths to read; the names of the attempts, if not all; to give itself capabilities first, in
 *   namespaces of its own, which takes `unshare`
 * @param allowed system calls that the filter lets pass besides
 */
export async function escape(
  asked: { paths?: string[]; attempts?: string[]; capable?: boolean },
  allowed: readonly string[] = [],
): Promise<Escape> {
  const directory = await mkdtemp(path.join(tmpdir(), 'weighbridge-escape-'));
  const spool = path.join(directory, 'spool');
  try {
    await mkdir(spool);
    const limits = { ...ESCAPE_LIMITS, spools: { directory: spool, bytes: SPOOL_BYTES } };
    const blueprint = await drawBlueprint(pythonDir, ESCAPING_TRAINER, limits);
    const bwrap = path.join(directory, 'bwrap');
    const launch = [path.join(pythonDir, 'bin/python'), path.join(ESCAPING_TRAINER, 'in-terminal.py'), blueprint.bwrap];
    await writeFile(bwrap, `#!/bin/sh\nexec ${launch.map((word) => `'${word}'`).join(' ')} "$@"\n`, { mode: 0o700 });
    const filter = allowed.length === 0 ? blueprint.filter : await seccompFilter(pythonDir, allowed);
    const box = startBox({ ...blueprint, bwrap, filter }, 'escape', DEADLINE_MS / 1000);
    const timer = setTimeout(() => box.destroy(), DEADLINE_MS);
    const spooled = await readdir(spool);
    box.stdin.end(JSON.stringify(asked));
    // A box that is ended cuts its stream off: what was told until then says which attempt it was.
    let told = '';
    box.stdout.on('data', (chunk: Buffer) => (told += chunk.toString()));
    const [said] = await Promise.all([text(box.stderr), box.exited]);
    clearTimeout(timer);
    return { ...read(told), said, spooled };
  } finally {
    await rm(directory, { recursive: true });
  }
}

function read(told: string): Pick<Escape, 'attempts' | 'about' | 'used'> {
  const lines = told.split('\n').filter((line) => line.endsWith(']'));
  const seen: Pick<Escape, 'attempts' | 'about' | 'used'> = {
    attempts: {},
    about: {},
    used: { diskBytes: NaN, memoryBytes: NaN, threads: NaN },
  };
  for (const [kind, ...words] of lines.map((line) => JSON.parse(line) as unknown[])) {
    if (kind === 'attempt') {
      const [name, error = 'it did not come back'] = words as [string, string?];
      seen.attempts[name] = error;
    } else Object.assign(seen, { [String(kind)]: words[0] });
  }
  return seen;
}
