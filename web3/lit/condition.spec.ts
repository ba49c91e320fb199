import { hashEVMContractConditions } from '@lit-protocol/access-control-conditions';
import { LIT_CHAINS } from '@lit-protocol/constants';
import { describe, expect, it } from 'vitest';
import { canonicalCondition, litChainName, releaseIdentity } from './condition.js';
import { ipv4ToNumber, nodeHost, nodeUrl } from './node-url.js';

const condition = {
  chainId: 31_415_926,
  marketplace: '0xABCDEF0000000000000000000000000000000001',
  keyId: `0x${'ab'.repeat(32)}`,
} as const;

describe('the condition', () => {
  it("has the identity that Lit's own library computes", async () => {
    const conditions = [canonicalCondition(condition)] as unknown as Parameters<typeof hashEVMContractConditions>[0];
    const hash = Buffer.from(await hashEVMContractConditions(conditions)).toString('hex');
    const { resource, identity } = releaseIdentity(condition, 'cd'.repeat(32));
    expect(resource).toBe(`${hash}/${'cd'.repeat(32)}`);
    expect(identity).toBe(`lit-accesscontrolcondition://${resource}`);
  });

  it('has one identity however the address is written, and another for another key', () => {
    const lower = { ...condition, marketplace: condition.marketplace.toLowerCase() as `0x${string}` };
    expect(releaseIdentity(lower, 'h')).toEqual(releaseIdentity(condition, 'h'));
    expect(releaseIdentity({ ...condition, keyId: `0x${'ac'.repeat(32)}` }, 'h')).not.toEqual(
      releaseIdentity(condition, 'h'),
    );
  });

  it.each([1, 10, 137, 314, 8453, 42161, 84532, 314159, 11155111])("names chain %i as Lit's SDK does", (chainId) => {
    expect(LIT_CHAINS[litChainName(chainId)]?.chainId).toBe(chainId);
  });

  it('names a private chain by a name that the SDK takes', () => {
    expect(Object.keys(LIT_CHAINS)).toContain(litChainName(condition.chainId));
  });
});

describe('where a node lives', () => {
  it('goes to a number and back', () => {
    const node = { ip: ipv4ToNumber('203.0.113.9'), port: 7470 };
    expect(nodeHost(node)).toBe('203.0.113.9:7470');
    expect(nodeUrl(node)).toBe('http://203.0.113.9:7470');
    expect(nodeUrl({ ...node, port: 443 })).toBe('https://203.0.113.9:443');
  });

  it.each(['1.2.3', '1.2.3.256', 'localhost', '1.2.3.4.5', '1.2.3.x'])('refuses %s', (address) => {
    expect(() => ipv4ToNumber(address)).toThrow(TypeError);
  });
});
