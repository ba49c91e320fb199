import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { arch } from 'node:os';

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

/** Features that a compiler writes other code for; the rest of the flags change with kernels and hypervisors. */
const VECTOR_FEATURES = /^(sse|ssse|avx|fma|f16c|bmi|amx|vaes|gfni|asimd|sve|sme|bf16|i8mm|fp)/;

/**
 * The class of this machine's processor: architecture, maker, family and model, and a digest of its vector features. A program
 * that is compiled for one class may round otherwise on another.
 */
export async function cpuClass(file = '/proc/cpuinfo'): Promise<string> {
  const lines = (await readFile(file, 'utf8')).split('\n');
  const value = (name: string): string | undefined =>
    lines
      .find((line) => line.split(':')[0]?.trim() === name)
      ?.replace(/^[^:]*:/, '')
      .trim();
  const model = [
    value('vendor_id') ?? value('CPU implementer'),
    value('cpu family') ?? value('CPU part'),
    value('model') ?? value('CPU variant'),
  ];
  const features = (value('flags') ?? value('Features') ?? '')
    .split(/\s+/)
    .filter((flag) => VECTOR_FEATURES.test(flag));
  const digest = createHash('sha256')
    .update([...new Set(features)].sort().join(' '))
    .digest('hex');
  return `cpu ${arch()} ${model.map((part) => part ?? 'unknown').join('-')} ${digest.slice(0, 8)}`;
}

/**
 * The `/proc/cpuinfo` of a box: the host's, without the names, clock rates, microcode and faults that say which machine it is.
 * XLA's matrix library does not start without the file.
 */
export async function cpuInfo(file = '/proc/cpuinfo'): Promise<string> {
  const lines = (await readFile(file, 'utf8')).split('\n');
  return lines.filter((line) => line === '' || FIELDS.includes((line.split(':')[0] ?? '').trim())).join('\n');
}
