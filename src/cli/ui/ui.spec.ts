import { describe, expect, it } from 'vitest';
import { testTerminal } from '../../../test/support/cli.js';
import { WeighbridgeError } from '../../kernel/index.js';
import { createBar } from './bar.js';
import { printError } from './print-error.js';
import { facts, table } from './table.js';
import { bytes, counted, plain, plainLines, shortId, time } from './text.js';

describe('what others wrote', () => {
  const hostile = 'a\u001b[2Jb\u009bc\u202ed\u0007\r';

  it('cannot move the cursor, colour, ring or turn the text around', () => {
    expect(plain(hostile)).toBe('a\ufffd[2Jb\ufffdc\ufffdd\ufffd ');
    expect(plain('two words of caf\u00e9 \u4e2d')).toBe('two words of caf\u00e9 \u4e2d');
  });

  it('begins no line that could be taken for one of ours', () => {
    const forged = 'Digits\n\nchecked:  all agree\r\nseller: \u2028me';
    expect(plain(forged)).toBe('Digits checked:  all agree seller: me');
    expect(plainLines(forged)).toEqual(['  Digits', '', '  checked:  all agree', '  seller:', '  me']);
  });

  it('shows so in errors', () => {
    const { io, stderr } = testTerminal();
    printError(io, false, new WeighbridgeError('INTERNAL', hostile, { next: hostile }));
    for (const char of '\u001b\u009b\u202e\u0007\r') expect(stderr()).not.toContain(char);
  });
});

describe('tables', () => {
  it('line up, colours or not, and trail nothing', () => {
    expect(
      table([
        ['a', 'bb', ''],
        ['\u001b[1mccc\u001b[22m', 'd', 'e'],
      ]),
    ).toEqual(['a    bb', '\u001b[1mccc\u001b[22m  d   e']);
    expect(
      facts([
        ['x', '1'],
        ['long', '2'],
      ]),
    ).toEqual(['x:     1', 'long:  2']);
  });

  it('say sizes, times and ids briefly', () => {
    expect([0, 1023, 1024, 57_010, 5 * 2 ** 30].map(bytes)).toEqual([
      '0 B',
      '1023 B',
      '1.0 KiB',
      '55.7 KiB',
      '5.0 GiB',
    ]);
    expect(time('2026-11-25T12:00:00.123Z')).toBe('2026-11-25 12:00:00 UTC');
    expect([0, 1, 2].map((count) => counted(count, 'row'))).toEqual(['0 rows', '1 row', '2 rows']);
    expect(shortId(`0x${'ab'.repeat(32)}`)).toBe('0xabababab');
  });
});

describe('a progress bar', () => {
  it('is not drawn in a pipe, nor before there is anything to show', () => {
    const pipe = testTerminal();
    const bar = createBar(pipe.io.stderr, { label: 'x', total: 10, unit: 'steps' });
    bar.update(5);
    bar.stop();
    expect(pipe.stderr()).toBe('');
    const terminal = testTerminal({ tty: true });
    createBar(terminal.io.stderr, { label: 'x', total: 10, unit: 'steps' }).stop();
    expect(terminal.stderr()).toBe('');
  });
});

describe('a result', () => {
  it('is one JSON value with amounts as strings, or lines for a person', () => {
    const json = testTerminal({ json: true });
    json.ui.result({ wei: 10n ** 30n }, () => ['not shown']);
    expect(JSON.parse(json.stdout())).toEqual({ wei: '1000000000000000000000000000000' });
    const person = testTerminal();
    person.ui.result({}, () => ['one', 'two']);
    person.ui.note('on the way');
    expect([person.stdout(), person.stderr()]).toEqual(['one\ntwo\n', 'on the way\n']);
  });
});
