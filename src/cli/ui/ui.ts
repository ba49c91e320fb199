import pc from 'picocolors';
import { createBar, type Bar, type BarOptions } from './bar.js';
import { askChoice } from './ask.js';
import type { Io } from './io.js';

export type Colours = ReturnType<typeof pc.createColors>;

/**
 * How a command speaks. Its result goes to stdout, once; everything about the way there goes to stderr, so that
 * `weighbridge ... --json | jq` always reads exactly one JSON value.
 */
export interface Ui {
  readonly json: boolean;
  /** Colours of stdout. */
  readonly out: Colours;
  /** Colours of stderr. */
  readonly err: Colours;
  /** True when a person sits at both ends, so that a question makes sense. */
  readonly interactive: boolean;
  /** Ends a command: the value as JSON under `--json`, else the lines made for a person. */
  result(value: unknown, lines: () => string[]): void;
  /** One line of progress. */
  note(line: string): void;
  warn(line: string): void;
  bar(options: BarOptions): Bar;
  /** Lets a person pick one of the choices. Only when `interactive`. */
  choose(question: string, choices: string[]): Promise<string>;
}

export function createUi(io: Io, json: boolean): Ui {
  const err = pc.createColors(wantsColour(io.stderr, io.env));
  const note = (line: string) => void io.stderr.write(`${line}\n`);
  return {
    json,
    out: pc.createColors(wantsColour(io.stdout, io.env)),
    err,
    interactive: !json && io.stdin.isTTY && io.stderr.isTTY,
    result: (value, lines) => {
      io.stdout.write(json ? `${JSON.stringify(value, bigintAsString, 2)}\n` : `${lines().join('\n')}\n`);
    },
    note,
    warn: (line) => note(`${err.yellow('warning:')} ${line}`),
    bar: (options) => createBar(io.stderr, options),
    choose: async (question, choices) => askChoice(io, question, choices),
  };
}

/** picocolors' own guess also colours pipes in CI; the promise here is "only on a terminal" (and https://no-color.org). */
export function wantsColour(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  return stream.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
}

function bigintAsString(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
