import path from 'node:path';
import { repositoryRoot } from './repository-root.js';

/**
 * Where Node keeps the compiled code of our processes and their packages, for the environment of each: a devnet is a dozen and a
 * half of them, and every command of the CLI is another. Beside `dist`, so that whoever can write there could change the code itself.
 */
export const compileCache = { NODE_COMPILE_CACHE: path.join(repositoryRoot(), '.weighbridge/compile-cache') };
