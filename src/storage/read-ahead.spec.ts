import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { readAhead, type Opener } from './read-ahead.js';

const { signal } = new AbortController();

/** Four sources of two parts each, and what became of them. */
function sources(): { events: string[]; openers: Opener[] } {
  const events: string[] = [];
  const openers = ['a', 'b', 'c', 'd'].map(
    (name): Opener =>
      async function* read() {
        events.push(`${name} begins`);
        try {
          for (const part of [1, 2]) yield Buffer.from(`${name}${part}`);
          events.push(`${name} ends`);
        } finally {
          events.push(`${name} is closed`);
        }
      },
  );
  return { events, openers: readAhead(openers) };
}

describe('sources that are read one after the other', () => {
  it('begin two ahead, and no more', async () => {
    const { events, openers } = sources();
    const parts: string[] = [];
    for (const open of openers) for await (const part of open(signal)) parts.push(Buffer.from(part).toString());
    expect(parts).toEqual(['a1', 'a2', 'b1', 'b2', 'c1', 'c2', 'd1', 'd2']);
    expect(events.slice(0, 5)).toEqual(['a begins', 'b begins', 'c begins', 'a ends', 'a is closed']);
    expect(events.filter((event) => event.endsWith('ends'))).toEqual(['a ends', 'b ends', 'c ends', 'd ends']);
    expect(events.indexOf('d begins')).toBeGreaterThan(events.indexOf('a is closed'));
  });

  it('close those ahead when nobody reads on', async () => {
    const { events, openers } = sources();
    for await (const _part of openers[0]?.(signal) ?? []) break;
    await sleep(1);
    expect(events).toEqual(['a begins', 'b begins', 'c begins', 'b is closed', 'c is closed', 'a is closed']);
  });

  it('close those ahead when the work is called off between two', async () => {
    const { events, openers } = sources();
    const calledOff = new AbortController();
    for await (const _part of openers[0]?.(calledOff.signal) ?? []);
    calledOff.abort();
    await sleep(1);
    expect(events).toEqual(['a begins', 'b begins', 'c begins', 'a ends', 'a is closed', 'b is closed', 'c is closed']);
  });

  it('give the fault of a source to its reader', async () => {
    const fault = new Error('gone');
    const [, second] = readAhead([
      async function* empty() {},
      async function* broken() {
        yield Buffer.from('x');
        throw fault;
      },
    ]);
    const reading = (async () => {
      for await (const _part of second?.(signal) ?? []);
    })();
    await expect(reading).rejects.toBe(fault);
  });
});
