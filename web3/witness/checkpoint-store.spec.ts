// Real: both key files and the SQLite file.
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CheckpointStore } from './checkpoint-store.js';
import { initWitness } from './init.js';

let dir: string;
let files: Parameters<typeof initWitness>[0];
let made: ReturnType<typeof initWitness>;
let store: CheckpointStore;

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'weighbridge-witness-'));
  const at = (name: string): string => path.join(dir, name);
  files = { name: 'witness.example/w1', keyFile: at('key.pem'), chainKeyFile: at('chain'), stateFile: at('state') };
  made = initWitness(files);
  store = CheckpointStore.open(files.stateFile, made.vkey);
});
afterEach(() => {
  store.close();
  rmSync(dir, { recursive: true, force: true });
});

describe('the state', () => {
  it('is made once, with the key: a key whose state is gone does not start again', () => {
    expect(initWitness(files)).toEqual(made);
    const { vkey } = made;
    expect(statSync(files.keyFile).mode & 0o777).toBe(0o600);
    expect(statSync(files.chainKeyFile).mode & 0o777).toBe(0o600);
    store.close();
    rmSync(files.stateFile);
    expect(() => initWitness(files)).toThrow(/STATE_FILE is gone/);
    expect(() => CheckpointStore.open(files.stateFile, vkey)).toThrow(/no such file/);
    CheckpointStore.create(files.stateFile, 'another');
    expect(() => CheckpointStore.open(files.stateFile, vkey)).toThrow(/another key/);
    rmSync(files.stateFile);
    CheckpointStore.create(files.stateFile, vkey);
    store = CheckpointStore.open(files.stateFile, vkey);
  });

  it('is one process’s at a time', () => {
    expect(() => CheckpointStore.open(files.stateFile, made.vkey)).toThrow(/locked/);
  });

  it('changes only with a checkpoint that was let through', () => {
    const witnessed = { size: 3, root: new Uint8Array(32), note: 'n', timeS: 1 };
    store.update('x', () => witnessed);
    expect(() =>
      store.update('x', () => {
        throw new Error('refused');
      }),
    ).toThrow('refused');
    // Persisted, or not answered: what SQLite refuses is no state, and the transaction is over.
    expect(() => store.update('x', () => ({ ...witnessed, size: 4, root: new Uint8Array(31) }))).toThrow(/constraint/i);
    expect(store.latest('x')).toEqual(witnessed);
    expect(store.update('x', () => ({ ...witnessed, size: 5 })).size).toBe(5);
  });
});
