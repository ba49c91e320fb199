import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';

const evaluated = z.object({ accuracy: z.number().min(0).max(1) });

/** Accuracy on the held-out rows: a plain NumPy forward pass over the returned file, in the buyer's own Python. */
export async function measureAccuracy(
  root: string,
  name: string,
  { weightsFile, modelDir }: { weightsFile: string; modelDir: string },
): Promise<number> {
  const python = path.join(root, '.weighbridge/python/trainer/bin/python');
  const { stdout } = await promisify(execFile)(
    python,
    [
      path.join(root, 'examples/evaluate.py'),
      ...['--weights', weightsFile, '--job', path.join(modelDir, 'job.json')],
      ...['--data', path.join(root, `examples/${name}-heldout.csv`)],
    ],
    { timeout: 60_000 },
  );
  return evaluated.parse(JSON.parse(stdout)).accuracy;
}
