import type { Terms } from '../../catalog/manifest.js';
import { WeighbridgeError } from '../../kernel/index.js';
import { plain } from '../ui/text.js';
import type { Ui } from '../ui/ui.js';

/**
 * The purpose that the buyer binds itself to: the one given, or the one picked on a terminal. Never a default: it is a
 * promise.
 * @throws WeighbridgeError BAD_INPUT when it is not among those that the seller allows, or nobody can be asked
 */
export async function pickPurpose(given: string | undefined, terms: Terms, ui: Ui): Promise<string> {
  const { purposes } = terms;
  if (given !== undefined && purposes.includes(given)) return given;
  if (given === undefined && ui.interactive) {
    return ui.choose(
      `Under "${plain(terms.title)}" you may train for one of these purposes. Which is yours?`,
      purposes,
    );
  }
  throw new WeighbridgeError(
    'BAD_INPUT',
    given === undefined ? 'the licence needs a purpose' : `"${given}" is not a purpose that the seller allows`,
    {
      next: `Give --purpose with one of: ${purposes.map((purpose) => `"${plain(purpose)}"`).join(', ')}.`,
      details: { purposes },
    },
  );
}
