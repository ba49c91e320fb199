import v8 from 'node:v8';

/**
 * Makes do with little memory, in a process that computes elsewhere: in DuckDB and in threads. To be called before SDKs load and before anything is
 * read in the background. What makes much garbage itself would be slower for it.
 */
export function makeDoWithLittleMemory(): void {
  // The heap's youngest part, where garbage waits, stays as large as it is: left alone it grows to 30 MB while SDKs load, and stays so.
  v8.setFlagsFromString('--semi-space-growth-factor=1');
  // DuckDB's queries run on any of libuv's threads, and what each allocated and freed there stays with it: some 10 MB each. Two are enough for one
  // query at a time, files and names of hosts.
  process.env['UV_THREADPOOL_SIZE'] ??= '2';
}
