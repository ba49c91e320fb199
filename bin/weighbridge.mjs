#!/usr/bin/env node
// Starts the built CLI on a Node that can run it: the checkout brings its own (package `node`) for machines with an older one.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const self = fileURLToPath(import.meta.url);
const root = path.dirname(path.dirname(self));
const main = path.join(root, 'dist/programs/cli.js');
const ownNode = path.join(root, 'node_modules/.bin/node');
const isOld = Number(process.versions.node.split('.')[0]) < 22;

if (!existsSync(main)) {
  refuse('this checkout is not built yet', 'run "npm run setup && npm run build" once, then the same command again.');
} else if (!isOld) {
  // Half of a command's start is compiling what the last one compiled. Beside `dist`: whoever writes there could change that.
  module.enableCompileCache?.(path.join(root, '.weighbridge/compile-cache'));
  // A stack is printed for this variable alone; it shall name the sources.
  if (process.env.WEIGHBRIDGE_DEBUG) process.setSourceMapsEnabled(true);
  await import(pathToFileURL(main).href);
} else if (existsSync(ownNode)) {
  runOn(ownNode);
} else {
  refuse(`Node ${process.versions.node} is too old`, 'install Node 22 or newer, or run "npm run setup".');
}

function refuse(what, next) {
  console.error(`error: ${what}\nnext:  ${next}`);
  process.exitCode = 2;
}

/** As if this process were that one: same terminal, same signals, same end. */
function runOn(node) {
  const child = spawn(node, [self, ...process.argv.slice(2)], { stdio: 'inherit' });
  // A terminal sends Ctrl-C to both; the other signals come here alone.
  process.on('SIGINT', () => undefined);
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.once('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
