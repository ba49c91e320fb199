/** Threads of our programs: a name beside them, and the file in compiled code. */
export const THREADS: Record<string, string>;
/** Bundles compiled programs (name: file in `from`) into the folder `out`, unless it holds these already. @returns whether it bundled anything */
export function bundlePrograms(from: string, entries: Record<string, string>, out: string): Promise<boolean>;
