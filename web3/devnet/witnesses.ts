import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { initWitness, type WitnessIdentity } from '../witness/init.js';
import type { DevnetLayout, DevnetPorts } from './layout.js';
import { Restartable, startAll, type Service } from './service.js';

const HOST = '127.0.0.1';
const READY_TIMEOUT_MS = 120_000;

/** Of the devnet's three. */
export const WITNESS_QUORUM = 2;

/** One witness, in a folder of its own: what would lie on another party's machine. */
export interface WitnessPlace {
  name: string;
  dir: string;
  port: number;
}

export interface Witnesses extends Service {
  readonly processes: readonly Restartable[];
}

export function witnessPlaces(layout: DevnetLayout, ports: DevnetPorts): WitnessPlace[] {
  return ports.witnesses.map((port, i) => {
    const dir = path.join(layout.dir, 'witnesses', `witness-${i + 1}`);
    return { name: `weighbridge.devnet/witness-${i + 1}`, dir, port };
  });
}

/** Makes the keys and the empty state at the first call, and tells who the witness is. */
export function witnessIdentity(place: WitnessPlace): WitnessIdentity {
  return initWitness(filesOf(place));
}

/** What a witness is told of the logs that it watches: the content of WITNESS_LOGS_FILE. */
export function writeWitnessLogs(place: WitnessPlace, logs: object[]): void {
  writeFileSync(path.join(place.dir, 'logs.json'), `${JSON.stringify(logs, null, 2)}\n`);
}

/** Starts them, each as a process of its own. */
export async function startWitnesses(
  places: readonly WitnessPlace[],
  { distDir, logDir }: { distDir: string; logDir: string },
): Promise<Witnesses> {
  const processes = places.map(
    (place) =>
      new Restartable({
        name: place.name,
        command: process.execPath,
        args: ['--enable-source-maps', path.join(distDir, 'programs/witness.js')],
        env: witnessEnv(place),
        logFile: path.join(logDir, `${path.basename(place.dir)}.log`),
        ready: async () => (await fetch(`${witnessUrl(place)}/healthz`, { signal: AbortSignal.timeout(2_000) })).ok,
        readyTimeoutMs: READY_TIMEOUT_MS,
        pidFile: path.join(place.dir, 'pid'),
      }),
  );
  return { processes, ...(await startAll(processes)) };
}

export function witnessUrl({ port }: WitnessPlace): string {
  return `http://${HOST}:${port}`;
}

/** What the process is started with. */
export function witnessEnv(place: WitnessPlace): NodeJS.ProcessEnv {
  const files = filesOf(place);
  return {
    PATH: process.env.PATH,
    WITNESS_HOST: HOST,
    WITNESS_PORT: String(place.port),
    WITNESS_NAME: files.name,
    WITNESS_KEY_FILE: files.keyFile,
    WITNESS_CHAIN_KEY_FILE: files.chainKeyFile,
    WITNESS_STATE_FILE: files.stateFile,
    WITNESS_LOGS_FILE: path.join(place.dir, 'logs.json'),
  };
}

function filesOf({ name, dir }: WitnessPlace): Parameters<typeof initWitness>[0] {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  return {
    name,
    keyFile: path.join(dir, 'ed25519.pem'),
    chainKeyFile: path.join(dir, 'secp256k1'),
    stateFile: path.join(dir, 'state.sqlite'),
  };
}
