import { readFile } from 'node:fs/promises';

/** What a compiler has to know of a core, and what the CPUID instruction tells any program anyway. */
const FIELDS = [
  'processor',
  'physical id',
  'siblings',
  'core id',
  'cpu cores',
  'apicid',
  'initial apicid',
  'flags',
  'Features',
  'CPU implementer',
  'CPU architecture',
  'CPU variant',
  'CPU part',
  'CPU revision',
];

/**
 * The `/proc/cpuinfo` of a box: the host's, without the names, clock rates, microcode and faults that say which machine it is.
 * XLA's matrix library does not start without the file.
 */
export async function cpuInfo(file = '/proc/cpuinfo'): Promise<string> {
  const lines = (await readFile(file, 'utf8')).split('\n');
  return lines.filter((line) => line === '' || FIELDS.includes((line.split(':')[0] ?? '').trim())).join('\n');
}
