import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * Keeps what lit-node-client prints off standard output and error. It has to: 7.x prints the combined signature, which
 * IS the decryption key, with `console.log`, whatever its `debug` option says. Two nets:
 * - by scope: what runs inside `quietly`, or was started there (timers, listeners, promises), prints nothing;
 * - by content: the line with the signature is dropped wherever it comes from.
 * Everybody else's console works as before, also while the SDK runs, because the scope follows the call, not the clock.
 */
const scope = new AsyncLocalStorage<'quiet'>();
/** How the SDK's line starts (`@lit-protocol/crypto`, doDecrypt). */
const SIGNATURE_LINE = 'signature from encrypt op';

const CONSOLE_METHODS = ['debug', 'dir', 'error', 'info', 'log', 'trace', 'warn'] as const;
let installed = false;

/** Runs SDK code without a voice. */
export async function quietly<T>(work: () => Promise<T>): Promise<T> {
  install();
  return scope.run('quiet', work);
}

/**
 * Once, and for good: the SDK keeps references to console methods, and undoing it would undo what others installed since.
 * Console methods for hosts that replace them (test runners); streams for what writes to them itself (`depd`).
 */
function install(): void {
  if (installed) return;
  installed = true;
  for (const method of CONSOLE_METHODS) muteConsole(method);
  muteStream(process.stdout);
  muteStream(process.stderr);
}

function muteConsole(method: (typeof CONSOLE_METHODS)[number]): void {
  const original = console[method];
  console[method] = (...args: unknown[]): void => {
    if (!isMuted(args[0])) Reflect.apply(original, console, args);
  };
}

function muteStream(stream: NodeJS.WriteStream): void {
  const original = stream.write;
  const write = (...args: unknown[]): boolean => {
    if (!isMuted(args[0])) return Reflect.apply(original, stream, args) as boolean;
    const written = args.find((arg) => typeof arg === 'function');
    if (written !== undefined) process.nextTick(written);
    return true;
  };
  stream.write = write;
}

function isMuted(first: unknown): boolean {
  return scope.getStore() === 'quiet' || (typeof first === 'string' && first.startsWith(SIGNATURE_LINE));
}
