import { adapters } from './adapters.js';
import { runCli } from './program.js';

/**
 * Composition root of the CLI: the only file of `src/cli`, with adapters.ts, that knows how the networks are reached.
 * The SDKs print to the console now and then (lit-node-client 7 even key material): stdout is the result's and stderr the
 * progress's, so the console goes nowhere.
 */
for (const method of ['log', 'info', 'debug', 'warn', 'error'] as const) console[method] = () => undefined;

// "weighbridge audit ... | head" closes our pipe: a publish or a paid job must not die of that.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

const { stdin, stdout, stderr, env } = process;
const code = await runCli(process.argv.slice(2), { stdin, stdout, stderr, env, cwd: process.cwd() }, adapters);

// Written out first: a pipe is asynchronous. Then out, for the SDKs leave timers and sockets behind.
await Promise.all([stdout, stderr].map(async (stream) => new Promise((resolve) => stream.write('', resolve))));
process.exit(code);
