import pino from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { NodeError } from './node-error.js';
import { createServer, type ServerDeps } from './server.js';

const ADDRESS = '0x00000000000000000000000000000000000000A1';
const lines: string[] = [];
afterEach(() => lines.splice(0));

async function serverWith(overrides: Partial<ServerDeps> = {}) {
  return createServer({
    log: pino({ level: 'info' }, { write: (line: string) => void lines.push(line) }),
    address: ADDRESS,
    index: 1,
    handshake: async () => ({ subnetPublicKey: 'ab' }),
    encryptionSign: async () => ({
      caller: ADDRESS,
      keyId: '0x01',
      body: { result: 'success', signatureShare: { ProofOfPossession: 'the share' }, shareIndex: 1 },
    }),
    ...overrides,
  });
}

describe('the HTTP side of a key node', () => {
  it('answers health, handshake and sign at the paths that the SDK uses', async () => {
    const app = await serverWith();
    expect((await app.inject('/healthz')).json()).toEqual({ status: 'ok', address: ADDRESS, index: 1 });
    expect((await app.inject({ method: 'POST', url: '/web/handshake/', payload: {} })).json()).toMatchObject({
      subnetPublicKey: 'ab',
    });
    const signed = await app.inject({ method: 'POST', url: '/web/encryption/sign/', payload: {} });
    expect(signed.json()).toMatchObject({ result: 'success', shareIndex: 1 });
  });

  it('logs who got a share of what, and neither share nor request', async () => {
    const app = await serverWith();
    await app.inject({ method: 'POST', url: '/web/encryption/sign/', payload: { authSig: 'the session' } });
    expect(lines.join('')).toContain('share released');
    expect(lines.join('')).toContain(ADDRESS);
    expect(lines.join('')).not.toMatch(/the share|the session/);
  });

  it('answers a denial in the form that the SDK reads, and logs its code', async () => {
    const no = new NodeError('NodeAccessControlConditionsReturnedNotAuthorized', 'no');
    const app = await serverWith({ encryptionSign: () => Promise.reject(no) });
    const answer = await app.inject({ method: 'POST', url: '/web/encryption/sign/', payload: {} });
    expect(answer.statusCode).toBe(401);
    expect(answer.json()).toMatchObject({ errorCode: no.errorCode, message: 'no', status: 401 });
    expect(lines.join('')).toContain(no.errorCode);
  });

  it('says nothing about a failure of its own', async () => {
    const app = await serverWith({ handshake: () => Promise.reject(new Error('secret detail')) });
    const answer = await app.inject({ method: 'POST', url: '/web/handshake/', payload: {} });
    expect(answer.statusCode).toBe(500);
    expect(answer.body).not.toContain('secret detail');
    expect(answer.json()).toMatchObject({ errorCode: 'NodeUnknownError' });
  });

  it('limits requests of one address, but not those for its health', async () => {
    const app = await serverWith();
    const post = () => app.inject({ method: 'POST', url: '/web/handshake/', payload: {} });
    const codes = [];
    for (let i = 0; i < 1_201; i++) codes.push((await post()).statusCode);
    expect(codes.slice(0, 1_200).every((code) => code === 200)).toBe(true);
    expect(codes.at(-1)).toBe(429);
    expect((await post()).json()).toMatchObject({ errorCode: 'NodeRateLimitExceeded' });
    expect((await app.inject('/healthz')).statusCode).toBe(200);
  });
});
