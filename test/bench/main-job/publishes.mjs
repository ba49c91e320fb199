// How fast files are published on a running devnet: each part of the command, every run, and what is fixed and what grows.
import path from 'node:path';
import { mustRun } from '../../../dist/web3/devnet/demo/cli.js';
import { writeBigCsv } from '../support/big-csv.mjs';

const MIB = 2 ** 20;
const DATA_PATH = 'data path';
const TARGET_MIB_S = 60;

/**
 * The data path is what grows with the data: reading, checks, shards, encryption, piece CIDs, transfer to the first provider.
 * The rest takes as long for a kilobyte, but for the second provider's copy: loading SDKs, wrapping the key, and blocks, of
 * which the chain makes one a second: one takes deposit and session keys, a later one the pieces and the offer.
 * @param as - who runs the command; `{dir, terms, sizes, runs, say, figure}`: sizes in MiB
 */
export async function measurePublishes(as, { dir, terms, sizes, runs, say, figure }) {
  const medians = [];
  for (const mebibytes of sizes) {
    const file = path.join(dir, `big-${mebibytes}.csv`);
    const bytes = await writeBigCsv(file, mebibytes * MIB);
    const results = [];
    for (let run = 1; run <= runs; run++) {
      const title = `Big ${mebibytes} ${run}`; // another title is another dataset: nothing is there already
      const from = performance.now();
      const { timings } = await mustRun(
        ['publish', file, '--title', title, '--price', '1', '--terms', terms, '--list-again'],
        as,
      );
      const ms = performance.now() - from;
      const dataMs = timings.find(({ step }) => step === DATA_PATH).ms;
      results.push({ ms, dataMs, timings });
      say(`publish ${mebibytes} MiB, run ${run}: ${seconds(ms)} s, data path ${seconds(dataMs)} s`);
    }
    medians.push({ bytes, ...report(mebibytes, bytes, results, figure) });
  }
  slopes(medians, figure);
}

function report(mebibytes, bytes, results, figure) {
  const of = `publish ${mebibytes} MiB of CSV`;
  const rate = (ms) => bytes / MIB / (ms / 1000);
  const against = (name, value) =>
    figure(`${of}: ${name}`, value, 'MiB/s', `above ${TARGET_MIB_S}`, value > TARGET_MIB_S);
  results.forEach(({ ms, dataMs }, i) => {
    figure(`${of}, run ${i + 1}: data path`, rate(dataMs), 'MiB/s');
    figure(`${of}, run ${i + 1}: the whole command`, rate(ms), 'MiB/s');
  });
  const dataMs = median(results.map((result) => result.dataMs));
  const ms = median(results.map((result) => result.ms));
  against('data path, median (read, check, shards, encrypt, piece CID, transfer)', rate(dataMs));
  against('data path, slowest run', Math.min(...results.map((result) => rate(result.dataMs))));
  against('the whole command, median (loading of SDKs and blocks of the chain included)', rate(ms));
  const typical = results.toSorted((a, b) => a.ms - b.ms)[Math.floor(results.length / 2)];
  figure(
    `${of}, parts of the median run (they overlap): until the file is opened`,
    typical.timings[0].fromMs / 1000,
    's',
  );
  for (const { step, ms: stepMs } of typical.timings) figure(`${of}, parts: ${step}`, stepMs / 1000, 's');
  return { ms, dataMs };
}

/** Between the smallest and the largest file: what each more MiB costs, and what is left without any. */
function slopes(medians, figure) {
  const [small, large] = [medians[0], medians.at(-1)];
  if (small === large) return;
  const more = (large.bytes - small.bytes) / MIB;
  for (const [name, key] of [
    ['data path', 'dataMs'],
    ['the whole command', 'ms'],
  ]) {
    const value = more / ((large[key] - small[key]) / 1000);
    figure(`publish: ${name}, by each MiB more`, value, 'MiB/s', `above ${TARGET_MIB_S}`, value > TARGET_MIB_S);
    figure(`publish: ${name}, fixed part`, (small[key] - (small.bytes / MIB / value) * 1000) / 1000, 's');
  }
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function seconds(ms) {
  return (ms / 1000).toFixed(2);
}
