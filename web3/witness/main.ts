import { readFileSync } from 'node:fs';
import pino from 'pino';
import { isWeighbridgeError } from '../../src/kernel/index.js';
import { approveChange } from './approve.js';
import { CheckpointStore } from './checkpoint-store.js';
import { readEnv, readFiles } from './env.js';
import { initWitness } from './init.js';
import { createServer } from './server.js';
import { witnessSigner } from './witness-signer.js';

/** Composition root of a witness: two keys, one file of state, one HTTP server. */
async function main([command, file = '']: string[]): Promise<void> {
  if (command === 'init') {
    process.stdout.write(`${JSON.stringify(initWitness(readFiles(process.env)))}\n`);
    return;
  }
  const env = readEnv(process.env);
  if (command === 'approve') {
    process.stdout.write(`${JSON.stringify(await approveChange(readFileSync(file, 'utf8'), env.account))}\n`);
    return;
  }
  const log = pino({ name: 'witness', level: env.logLevel });
  const signer = witnessSigner(env.name, env.key, env.account);
  const store = CheckpointStore.open(env.stateFile, signer.vkey);
  const app = await createServer({ log, logs: env.logs, store, signer, nowMs: Date.now });
  await app.listen({ host: env.host, port: env.port });
  log.info({ vkey: signer.vkey, address: signer.address, logs: [...env.logs.keys()] }, 'witnessing');
  const stop = async (): Promise<void> => {
    await app.close();
    store.close();
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop());
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const reason = isWeighbridgeError(error) ? `${error.message}\n${error.next}` : String(error);
  process.stderr.write(`witness: ${reason}\n`);
  process.exitCode = 1;
});
