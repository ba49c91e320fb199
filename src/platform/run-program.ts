import { isWeighbridgeError } from '../kernel/index.js';

/** Runs a program. What it fails with at its start is told in two sentences: nothing logs yet, and an operator reads this first. */
export async function runProgram(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    console.error(isWeighbridgeError(error) ? `${error.code}: ${error.message}\n${error.next}` : error);
    process.exit(1);
  }
}
