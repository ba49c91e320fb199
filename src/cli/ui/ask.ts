import { createInterface } from 'node:readline/promises';
import type { Io } from './io.js';
import { plain } from './text.js';

/** Asks on stderr, so that stdout stays the result's alone. Asks again until the answer is one of the choices. */
export async function askChoice(io: Io, question: string, choices: string[]): Promise<string> {
  const reader = createInterface({ input: io.stdin, output: io.stderr });
  try {
    io.stderr.write(`${question}\n${choices.map((choice, i) => `  ${i + 1}) ${plain(choice)}`).join('\n')}\n`);
    for (;;) {
      const answer = (await reader.question(`1-${choices.length}: `)).trim();
      const picked = choices[Number(answer) - 1] ?? choices.find((choice) => choice === answer);
      if (picked !== undefined) return picked;
    }
  } finally {
    reader.close();
  }
}
