import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { describe, expect, it, vi } from 'vitest';
import { sessionSig, type SessionPlan } from '../../test/support/lit-session.js';
import { fromHex, type Bytes32 } from '../../src/kernel/index.js';
import { canonicalCondition, releaseIdentity } from '../lit/condition.js';
import { signIdentity } from './bls.js';
import { createEncryptionSign, type EncryptionSignDeps } from './encryption-sign.js';
import { NodeError } from './node-error.js';

const NOW_MS = 1_800_000_000_000;
const KEY_ID = `0x${'a1'.repeat(32)}` as const;
const OTHER_KEY_ID = `0x${'b2'.repeat(32)}` as const;
const DATA_HASH = 'c3'.repeat(32);
const NONCE = `0x${'d4'.repeat(32)}` as const;
const MARKET = '0x00000000000000000000000000000000000000aa';
const CHAIN_ID = 31_415_926;
const HOST = '127.0.0.1:7470';
const SHARE = fromHex('05'.repeat(32));
const condition = { chainId: CHAIN_ID, marketplace: MARKET, keyId: KEY_ID } as const;
const { resource, identity } = releaseIdentity(condition, DATA_HASH);
const wallet = privateKeyToAccount(generatePrivateKey());
const stranger = privateKeyToAccount(generatePrivateKey());

function node(overrides: Partial<EncryptionSignDeps> = {}) {
  return createEncryptionSign({
    share: { index: 3, bytes: SHARE },
    chainId: CHAIN_ID,
    marketplace: MARKET,
    nodeHost: HOST,
    isRecentBlock: async (hash: Bytes32) => hash === NONCE,
    mayRelease: async () => undefined,
    limitCaller: () => undefined,
    nowMs: () => NOW_MS,
    ...overrides,
  });
}

async function request(plan: Partial<SessionPlan> = {}, body: Record<string, unknown> = {}) {
  const honest = { wallet, resource, nodeAddress: `http://${HOST}`, nonce: NONCE, chainId: CHAIN_ID, nowMs: NOW_MS };
  return {
    evmContractConditions: [canonicalCondition(condition)],
    dataToEncryptHash: DATA_HASH,
    chain: 'yellowstone',
    authSig: await sessionSig({ ...honest, ...plan }),
    epoch: 1,
    ...body,
  };
}

describe('POST /web/encryption/sign/', () => {
  it('signs the identity of what was checked, for the wallet that delegated', async () => {
    const mayRelease = vi.fn(async () => undefined);
    const { caller, keyId, body } = await node({ mayRelease })(await request());
    expect(caller).toBe(wallet.address);
    expect(keyId).toBe(KEY_ID);
    expect(mayRelease).toHaveBeenCalledExactlyOnceWith(KEY_ID, wallet.address);
    expect(body.signatureShare.ProofOfPossession).toBe(
      `03${Buffer.from(signIdentity(SHARE, identity)).toString('hex')}`,
    );
  });

  it('passes on what the chain says', async () => {
    const no = new NodeError('NodeAccessControlConditionsReturnedNotAuthorized', 'no');
    await expect(node({ mayRelease: () => Promise.reject(no) })(await request())).rejects.toBe(no);
  });

  it('takes a session signature once', async () => {
    const sign = node();
    const body = await request();
    await sign(body);
    await expect(sign(body)).rejects.toMatchObject({ errorCode: 'NodeInvalidAuthSig', message: /used before/ });
    await expect(sign(await request())).resolves.toBeDefined();
  });

  const sessions: [string, Partial<SessionPlan>, string][] = [
    ['for another node', { nodeAddress: 'http://127.0.0.1:7471' }, 'NodeInvalidAuthSig'],
    ['for a host that only begins alike', { nodeAddress: `http://${HOST}.example` }, 'NodeInvalidAuthSig'],
    ['that is over', { nowMs: NOW_MS - 6 * 60_000 }, 'NodeInvalidAuthSig'],
    ['of the future', { nowMs: NOW_MS + 2 * 60_000 }, 'NodeInvalidAuthSig'],
    ['that lives a day', { session: { expiration: new Date(NOW_MS + 864e5).toISOString() } }, 'NodeInvalidAuthSig'],
    ['that names another session key', { session: { sessionKey: 'ee'.repeat(32) } }, 'NodeInvalidAuthSig'],
    ['without a capability', { session: { capabilities: [] } }, 'NodeInvalidAuthSig'],
    ['with an expiry that is no date', { session: { expiration: 'never' } }, 'NodeInvalidAuthSig'],
    ['for every resource', { session: { resourceAbilityRequests: wildcard() } }, 'NodeResourceIdNotFound'],
    ['for another resource', { resource: `${'0'.repeat(64)}/${DATA_HASH}` }, 'NodeResourceIdNotFound'],
    ['whose ReCap is for another resource', { granted: `${'0'.repeat(64)}/${DATA_HASH}` }, 'NodeResourceIdNotFound'],
    ['whose ReCap is for every resource', { granted: '*' }, 'NodeResourceIdNotFound'],
    ['whose ReCap is for signing', { ability: 'Signing' }, 'NodeResourceIdNotFound'],
    ['whose wallet message hides the ReCap', { siwe: { statement: 'Log in.' } }, 'NodeResourceIdNotFound'],
    [
      'whose wallet message is for another session',
      { siwe: { uri: `lit:session:${'0'.repeat(64)}` } },
      'NodeSIWEMessageError',
    ],
    ['whose wallet message is for another chain', { chainId: 1 }, 'NodeSIWEMessageError'],
    ['whose wallet message is for the API', { siwe: { domain: 'localhost:4000' } }, 'NodeSIWEMessageError'],
    ['whose wallet message is over', { siwe: { expirationTime: new Date(NOW_MS - 1) } }, 'NodeSIWEMessageError'],
    ['whose wallet message never ends', { siwe: { expirationTime: undefined } }, 'NodeSIWEMessageError'],
    ['whose wallet message is not valid yet', { siwe: { notBefore: new Date(NOW_MS + 1) } }, 'NodeSIWEMessageError'],
    ['whose wallet message is signed by a stranger', { signer: stranger }, 'NodeSIWEMessageError'],
    ['that a stranger signed for a wallet', { signer: stranger, claimed: stranger }, 'NodeSIWEMessageError'],
    ['that a wallet signed for a stranger', { claimed: stranger }, 'NodeSIWEMessageError'],
    ['whose nonce is no block hash', { nonce: `0x${'00'.repeat(32)}` }, 'NodeSIWEMessageError'],
    ['whose wallet message has a line too many', { tamper: (m) => `${m}\nURI: lit:session:1` }, 'NodeSIWEMessageError'],
    [
      'whose wallet message has a line twice',
      { tamper: (m) => m.replace('Version: 1', 'Version: 1\nVersion: 1') },
      'NodeSIWEMessageError',
    ],
  ];
  it.each(sessions)('refuses a session %s', async (_what, plan, errorCode) => {
    const mayRelease = vi.fn(async () => undefined);
    await expect(node({ mayRelease })(await request(plan))).rejects.toMatchObject({ errorCode });
    expect(mayRelease).not.toHaveBeenCalled();
  });

  it('refuses a session signature with one bit flipped, or over another text', async () => {
    const { authSig, ...rest } = await request();
    const flipped = `${authSig.sig.startsWith('0') ? '1' : '0'}${authSig.sig.slice(1)}`;
    const text = authSig.signedMessage.replace('"nodeAddress"', ' "nodeAddress"');
    for (const bad of [
      { ...authSig, sig: flipped },
      { ...authSig, signedMessage: text },
    ]) {
      await expect(node()({ ...rest, authSig: bad })).rejects.toMatchObject({ errorCode: 'NodeInvalidAuthSig' });
    }
  });

  const good = canonicalCondition(condition);
  const conditions: [string, Record<string, unknown>][] = [
    ['none', { evmContractConditions: undefined }],
    ['an empty set', { evmContractConditions: [] }],
    ['the same twice', { evmContractConditions: [good, { operator: 'or' }, good] }],
    [
      'an `or` with a weaker one',
      { evmContractConditions: [good, { operator: 'or' }, { ...good, functionName: 'x' }] },
    ],
    ['another function', { evmContractConditions: [{ ...good, functionName: 'alwaysTrue' }] }],
    [
      'another function in the ABI',
      { evmContractConditions: [{ ...good, functionAbi: { ...good.functionAbi, name: 'f' } }] },
    ],
    ['another contract', { evmContractConditions: [{ ...good, contractAddress: `0x${'11'.repeat(20)}` }] }],
    ['another chain', { evmContractConditions: [{ ...good, chain: 'sepolia' }] }],
    ['a fixed caller', { evmContractConditions: [{ ...good, functionParams: [KEY_ID, wallet.address] }] }],
    [
      'another test',
      { evmContractConditions: [{ ...good, returnValueTest: { ...good.returnValueTest, comparator: '!=' } }] },
    ],
    ['a member more', { evmContractConditions: [{ ...good, also: true }] }],
    ['a set of another kind', { evmContractConditions: undefined, unifiedAccessControlConditions: [good] }],
    ['a second set', { accessControlConditions: [] }],
  ];
  it.each(conditions)('refuses conditions: %s', async (_what, body) => {
    const mayRelease = vi.fn(async () => undefined);
    await expect(node({ mayRelease })(await request({}, body))).rejects.toMatchObject({
      errorCode: 'NodeInvalidAccessControlConditions',
    });
    expect(mayRelease).not.toHaveBeenCalled();
  });

  it('refuses a session for one key with the conditions of another', async () => {
    const body = { evmContractConditions: [canonicalCondition({ ...condition, keyId: OTHER_KEY_ID })] };
    await expect(node()(await request({}, body))).rejects.toMatchObject({ errorCode: 'NodeResourceIdNotFound' });
  });

  it.each([
    ['nothing', undefined],
    ['a string', 'x'],
    ['a hash that is none', { dataToEncryptHash: '../..' }],
    [
      'a bare wallet signature',
      { authSig: { sig: '0x', derivedVia: 'web3.eth.personal.sign', signedMessage: '', address: '' } },
    ],
  ])('refuses a body of %s', async (_what, change) => {
    const body = typeof change === 'object' ? { ...(await request()), ...change } : change;
    await expect(node()(body)).rejects.toMatchObject({ errorCode: 'NodeBadRequest' });
  });

  it('counts a caller only once it is known who it is', async () => {
    const limitCaller = vi.fn(() => {
      throw new NodeError('NodeRateLimitExceeded', 'slow down');
    });
    await expect(node({ limitCaller })(await request({ signer: stranger }))).rejects.toMatchObject({ status: 401 });
    expect(limitCaller).not.toHaveBeenCalled();
    await expect(node({ limitCaller })(await request())).rejects.toMatchObject({ status: 429 });
  });
});

function wildcard() {
  const any = { resource: '*', resourcePrefix: 'lit-accesscontrolcondition' };
  return [{ resource: any, ability: 'access-control-condition-decryption' }];
}
