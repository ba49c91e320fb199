import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { ORIGIN } from './log-host.mjs';

/** The bench `log-server` as a process of its own, with its state in `dir`. */
export async function startLogServer(dir) {
  const program = path.join(import.meta.dirname, '../log-server.mjs');
  const child = spawn(process.execPath, [program, '--port', '0', '--dir', dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    exited.then(([code]) => Promise.reject(new Error(`the log server ended with status ${code}`))),
  ]);
  return {
    ...JSON.parse(line),
    origin: ORIGIN,
    tilesDir: path.join(dir, 'tiles'),
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}
