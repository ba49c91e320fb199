import pino from 'pino';
import { describe, expect, it, vi } from 'vitest';
import type { Address } from '../../src/kernel/index.js';
import { PeerWatch } from './peers.js';
import type { Member } from './staking.js';

const SELF = '0x00000000000000000000000000000000000000A1';
const B = '0x00000000000000000000000000000000000000B2';
const C = '0x00000000000000000000000000000000000000C3';

function setUp({ active = [SELF, B, C] as Address[], threshold = 2 } = {}) {
  const world = { active, silent: new Set<Address>(), nowMs: 1_000_000 };
  const staking = {
    self: SELF as Address,
    networkPublicKey: async () => '0x' as const,
    members: async () => [],
    active: async () => ({ threshold, nodes: world.active.map((address) => ({ address, ip: 1, port: 1 })) }),
    voteToKick: vi.fn(async (_node: Address) => undefined),
    requestToJoin: vi.fn(async () => undefined),
  };
  const ping = async ({ address }: Member) => !world.silent.has(address);
  const watch = new PeerWatch({ staking, ping, log: pino({ level: 'silent' }), nowMs: () => world.nowMs });
  const look = async (times: number) => {
    for (let i = 0; i < times; i++, world.nowMs += 1_000) await watch.look();
  };
  return { world, staking, look };
}

describe('PeerWatch', () => {
  it('votes once against a peer that misses three pings in a row, and against no other', async () => {
    const { world, staking, look } = setUp();
    await look(1);
    world.silent.add(C);
    await look(2);
    expect(staking.voteToKick).not.toHaveBeenCalled();
    await look(10);
    expect(staking.voteToKick.mock.calls).toEqual([[C]]);
  });

  it('does not vote against a peer that misses now and then', async () => {
    const { world, staking, look } = setUp();
    await look(1);
    for (let i = 0; i < 5; i++) {
      world.silent.add(C);
      await look(2);
      world.silent.delete(C);
      await look(1);
    }
    expect(staking.voteToKick).not.toHaveBeenCalled();
  });

  it('votes again when the vote has lapsed, and at once when the peer came back and died again', async () => {
    const { world, staking, look } = setUp();
    await look(1);
    world.silent.add(C);
    await look(3 + 61);
    expect(staking.voteToKick).toHaveBeenCalledTimes(2);
    world.silent.delete(C);
    await look(1);
    world.silent.add(C);
    await look(3);
    expect(staking.voteToKick).toHaveBeenCalledTimes(3);
  });

  it('gives peers that it never saw time to start', async () => {
    const { world, staking, look } = setUp();
    world.silent.add(B);
    await look(15);
    expect(staking.voteToKick).not.toHaveBeenCalled();
    await look(2);
    expect(staking.voteToKick.mock.calls).toEqual([[B]]);
  });

  it('never votes when a kick would leave too few', async () => {
    const { world, staking, look } = setUp({ active: [SELF, B] });
    await look(1);
    world.silent.add(B);
    await look(100);
    expect(staking.voteToKick).not.toHaveBeenCalled();
  });

  it('asks to join while it is out, and votes on nobody then', async () => {
    const { world, staking, look } = setUp({ active: [B, C] });
    world.silent.add(C);
    staking.requestToJoin.mockRejectedValueOnce(new Error('too early'));
    await look(20);
    expect(staking.requestToJoin).toHaveBeenCalledTimes(20);
    expect(staking.voteToKick).not.toHaveBeenCalled();
  });

  it('survives a chain that fails, and tries a refused vote again', async () => {
    const { world, staking, look } = setUp();
    await look(1);
    world.silent.add(C);
    staking.voteToKick.mockRejectedValueOnce(new Error('somebody was faster'));
    await look(3);
    staking.active = () => Promise.reject(new Error('no chain'));
    await expect(look(1)).resolves.toBeUndefined();
    staking.active = async () => ({
      threshold: 2,
      nodes: world.active.map((address) => ({ address, ip: 1, port: 1 })),
    });
    await look(5);
    expect(staking.voteToKick).toHaveBeenCalledTimes(2);
  });
});
