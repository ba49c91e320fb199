#!/usr/bin/env node
// Starts the built CLI on a Node that can run it: the checkout brings its own (package `node`) for machines with an older one.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const main = path.join(root, 'dist/src/cli/main.js');
const ownNode = path.join(root, 'node_modules/.bin/node');
const isOld = Number(process.versions.node.split('.')[0]) < 22;

if (!existsSync(main)) {
  console.error(
    'weighbridge: this checkout is not built yet.\nnext: run "npm run setup && npm run build" once, then the same command again.',
  );
  process.exit(2);
} else if (isOld && existsSync(ownNode)) {
  const child = spawnSync(ownNode, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  if (child.signal) process.kill(process.pid, child.signal);
  else process.exit(child.status ?? 1);
} else if (isOld) {
  console.error(
    `weighbridge: Node ${process.versions.node} is too old.\nnext: install Node 22 or newer, or run "npm run setup".`,
  );
  process.exit(2);
} else {
  await import(pathToFileURL(main).href);
}
