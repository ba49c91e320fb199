import { writeFileSync } from 'node:fs';
import path from 'node:path';
import pc from 'picocolors';
import type { Control } from './negative-controls.js';
import { keepPlainNames, type StoryContext, type StoryResult } from './story.js';
import { seconds } from './timeline.js';

/**
 * Writes `summary.json` and the verdict that a person reads.
 * @returns true only if every accuracy was reached and every attack was refused
 */
export function writeSummary(
  context: StoryContext,
  results: readonly StoryResult[],
  controls: readonly Control[],
): boolean {
  const { timeline, outDir } = context;
  keepPlainNames(context, results);
  const enough = results.every((r) => r.accuracy >= r.dataset.minAccuracy);
  const refused = controls.every((control) => control.refused);
  const summary = {
    version: 1,
    held: enough && refused,
    totalMs: timeline.totalMs(),
    steps: timeline.entries,
    datasets: results.map(({ dataset, datasetId, jobId, accuracy }) => ({
      name: dataset.name,
      datasetId,
      jobId,
      accuracy,
      minAccuracy: dataset.minAccuracy,
    })),
    negativeControls: controls,
  };
  writeFileSync(path.join(outDir, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`);
  const verdict = summary.held ? pc.green('Everything held.') : pc.red('Something did not hold: see above.');
  console.log(`\n${pc.bold(verdict)} ${seconds(summary.totalMs)}`);
  console.log(
    `Files: ${['weights.safetensors', 'receipt.json', 'trust.json', 'summary.json'].map((f) => path.join(outDir, f)).join('\n       ')}`,
  );
  return summary.held;
}
