// Real: the programs as they are built, each as a process, with nothing of what they need.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { expect, it } from 'vitest';
import { distDir } from '../support/build.js';

const PROGRAMS = ['api', 'ceramic', 'dealer', 'key-node', 'log', 'provider', 'witness', 'worker'];

it.each(PROGRAMS)('%s, started with nothing, says what it needs, and ends', async (name) => {
  const { code, stdout, stderr } = await started(name);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/\b(Set|name|Name|usage:|Usage:) /);
  expect(stderr).not.toMatch(/^\s+at /m); // a trace is for us, not for who sets up a host
});

async function started(name: string): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const args = ['--enable-source-maps', path.join(distDir(), 'programs', `${name}.js`)];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { env: {}, timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({ code: error?.code, stdout, stderr }),
    );
  });
}
