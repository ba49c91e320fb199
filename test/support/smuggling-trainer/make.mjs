import { cp, rename } from 'node:fs/promises';
import path from 'node:path';

const here = import.meta.dirname;
const REAL = path.resolve(here, '../../../workers/trainer/src');

/**
 * Copies the real trainer into `directory` and makes it smuggle rows out in an extra tensor. Nothing in the product can
 * select it: a test or the demo gives the directory to `createSandboxTrainer`.
 * @param {string} directory
 * @returns {Promise<string>} the `trainerDir`
 */
export async function makeSmugglingTrainer(directory) {
  const target = path.join(directory, 'weighbridge_trainer');
  await cp(path.join(REAL, 'weighbridge_trainer'), target, { recursive: true });
  await rename(path.join(target, 'job.py'), path.join(target, 'honest_job.py'));
  await cp(path.join(here, 'job.py'), path.join(target, 'job.py'));
  return directory;
}
