// Real: the witness process, killed with SIGKILL under load, and its state on disk. Faked: the log, a tree in memory that
// signs with a key of its own, and that lies where a test needs a liar.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  parseNote,
  parseSignatureLines,
  parseVerifierKey,
  verifyNoteSignature,
} from '../../src/provenance/witness/index.js';
import { freePort } from '../../web3/devnet/service.js';
import {
  startWitnesses,
  witnessEnv,
  witnessIdentity,
  witnessUrl,
  writeWitnessLogs,
  type Witnesses,
  type WitnessPlace,
} from '../../web3/devnet/witnesses.js';
import { distDir } from '../support/build.js';
import { NotingLog } from '../support/noting-log.js';

const dir = mkdtempSync(path.join(tmpdir(), 'weighbridge-witness-'));
const log = new NotingLog('log.example/killed').grow(400);
let place: WitnessPlace;
let vkey: string;
let witnesses: Witnesses;

beforeAll(async () => {
  place = { name: 'witness.example/w1', dir: path.join(dir, 'w1'), port: await freePort() };
  ({ vkey } = witnessIdentity(place));
  writeWitnessLogs(place, [{ origin: log.origin, vkeys: [log.vkey] }]);
  witnesses = await startWitnesses([place], { distDir: distDir(), logDir: dir });
});
afterAll(async () => {
  await witnesses?.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function ask(body: string): Promise<{ status: number; text: string } | undefined> {
  try {
    const response = await fetch(`${witnessUrl(place)}/add-checkpoint`, { method: 'POST', body });
    return { status: response.status, text: await response.text() };
  } catch {
    return undefined; // it was killed meanwhile
  }
}

describe('a witness', { timeout: 120_000 }, () => {
  it('is killed again and again, and never takes back a size that it cosigned', async () => {
    const [witness] = witnesses.processes;
    expect((await ask(log.ask(0, 1)))?.status).toBe(200);
    let cosigned = 1;
    for (let round = 0; round < 4; round++) {
      let asking = true;
      const before = cosigned;
      const load = (async () => {
        while (asking && cosigned < log.tree.size - 1) {
          const size = cosigned + 1;
          const answer = await ask(log.ask(cosigned, size));
          if (answer?.status === 200) cosigned = size;
          else if (answer?.status === 409) cosigned = Number(answer.text);
          else if (answer !== undefined) throw new Error(`${answer.status}: ${answer.text}`);
        }
      })();
      await vi.waitUntil(() => cosigned > before + 1, { timeout: 30_000, interval: 5 });
      await new Promise((resolve) => setTimeout(resolve, 40 + 57 * round));
      await witness?.kill();
      asking = false;
      await load;
      await witness?.start();
      // What was answered before the kill is known after it; one that was persisted and not answered may be, too.
      const after = Number((await ask(log.ask(0, 1)))?.text);
      expect(after).toBeGreaterThanOrEqual(cosigned);
      expect(after).toBeLessThanOrEqual(cosigned + 1);
      cosigned = after;
    }
    expect(cosigned).toBeGreaterThan(5);
  });

  it('cosigns one of many that come at once, and no two trees of one size', async () => {
    const { tree } = log;
    const from = Number((await ask(log.ask(0, 1)))?.text);
    const answers = await Promise.all(Array.from({ length: 20 }, async (_, i) => ask(log.ask(from, from + 1 + i))));
    const passed = answers.flatMap((answer, i) => (answer?.status === 200 ? [from + 1 + i] : []));
    expect(passed).toHaveLength(1);
    expect(answers.filter((answer) => answer?.status === 409)).toHaveLength(19);
    const repeat = await ask(log.ask(passed[0] ?? 0, passed[0] ?? 0));
    const [cosignature] = parseSignatureLines(repeat?.text ?? '');
    const { text } = parseNote(log.note(passed[0]));
    expect(cosignature && verifyNoteSignature(text, cosignature, parseVerifierKey(vkey))).toBe(true);
    expect(tree.size).toBe(400);
  });

  it('does not start beside another on the same state, nor with a setting that is none', async () => {
    const end = async (env: NodeJS.ProcessEnv, ...args: string[]) => {
      const child = spawn(process.execPath, [path.join(distDir(), 'programs/witness.js'), ...args], { env });
      let said = '';
      child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
      const [code] = (await once(child, 'close')) as [number];
      return { code, said };
    };
    const env = { ...witnessEnv(place), WITNESS_PORT: String(await freePort()) };
    expect(await end(env)).toMatchObject({ code: 1, said: expect.stringMatching(/WITNESS_STATE_FILE.*locked/) });
    expect(await end({ ...env, WITNESS_NAME: 'two words' })).toMatchObject({
      code: 1,
      said: expect.stringMatching(/WITNESS_NAME/),
    });
    expect(await end({ ...env, WITNESS_KEY_FILE: '/nowhere' })).toMatchObject({
      code: 1,
      said: expect.stringMatching(/WITNESS_KEY_FILE is not usable: ENOENT/),
    });
    const fresh = {
      ...env,
      WITNESS_STATE_FILE: path.join(dir, 'w2/state'),
      WITNESS_KEY_FILE: path.join(dir, 'w2/key'),
    };
    const { code, said } = await end(fresh, 'init');
    expect({ code, said: JSON.parse(said) }).toMatchObject({
      code: 0,
      said: { vkey: expect.stringMatching(/^witness/) },
    });
  });
});
