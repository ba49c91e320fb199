#!/usr/bin/env node
// Exit code 0 if the URL given as argument answers 2xx within two seconds. For container health checks.
const [url] = process.argv.slice(2);
const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
process.exit(answer?.ok === true ? 0 : 1);
