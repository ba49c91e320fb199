#!/usr/bin/env node
// npm's `solc` (WebAssembly) in the guise of a native compiler for forge: `--version`, and `--standard-json` on stdin.
const path = require('node:path');

const args = process.argv.slice(2);
if (args.includes('--version')) {
  // forge asks often: answer without loading the compiler
  const { version } = require('solc/package.json');
  process.stdout.write(
    `solc, the solidity compiler commandline interface\nVersion: ${version}+commit.00000000.Emscripten.clang\n`,
  );
} else if (args.includes('--standard-json')) {
  const chunks = [];
  process.stdin.on('data', (chunk) => chunks.push(chunk));
  process.stdin.on('end', () => {
    const input = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    input.sources = relativeKeys(input.sources);
    input.settings.outputSelection = relativeKeys(input.settings.outputSelection);
    process.stdout.write(require('solc').compile(JSON.stringify(input)));
  });
} else {
  process.stderr.write('solc.cjs speaks only --version and --standard-json\n');
  process.exit(2);
}

/**
 * forge names a file outside the project ("../../node_modules/...") by its absolute path where another such file
 * imports it. A native solc would find it through its file system callback; the WebAssembly one has none, so each
 * file gets the one name that the importing side computes. It also keeps this machine's paths out of the output.
 */
function relativeKeys(record) {
  return Object.fromEntries(
    Object.entries(record).map(([name, value]) => [
      path.isAbsolute(name) ? path.relative(process.cwd(), name) : name,
      value,
    ]),
  );
}
