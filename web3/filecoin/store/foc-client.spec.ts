import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { testNetwork } from '../../../test/support/storage-net.js';
import { checkVersions, focReader } from './foc-client.js';

// Real: the comparison. Faked: the manifest of the SDK that is installed, and a node that only counts what it is asked.
const installed = vi.hoisted(() => ({ manifest: '' }));
vi.mock('node:module', () => ({ findPackageJSON: () => installed.manifest }));

const NOWHERE = '0x0000000000000000000000000000000000000001';
const CONTRACTS = {
  marketplace: NOWHERE,
  logAnchor: NOWHERE,
  multicall3: NOWHERE,
  usdfc: NOWHERE,
  filecoinPay: NOWHERE,
  fwss: NOWHERE,
  fwssView: NOWHERE,
  serviceProviderRegistry: NOWHERE,
  sessionKeyRegistry: NOWHERE,
  pdp: NOWHERE,
  endorsements: NOWHERE,
} as const;
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'weighbridge-sdk-'));
  installed.manifest = path.join(dir, 'package.json');
});
afterAll(async () => rm(dir, { recursive: true }));

test('another version of the SDK is refused by name, before anything is asked of the chain', async () => {
  let asked = 0;
  const node = createServer((_request, response) => {
    asked++;
    response.writeHead(500).end();
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => node.once('listening', resolve));
  try {
    const { port } = node.address() as AddressInfo;
    const network = testNetwork(`http://127.0.0.1:${port}`, CONTRACTS);
    for (const version of ['0.42.0', '1.0.0', '0.4.1']) {
      await writeFile(installed.manifest, JSON.stringify({ version }));
      await expect(checkVersions(network, focReader(network))).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: `@filoz/synapse-sdk is at version ${version}; this release speaks 0.41`,
        next: expect.stringContaining('Use the release of weighbridge'),
      });
      expect(asked).toBe(0);
    }
    await writeFile(installed.manifest, JSON.stringify({ version: '0.41.9' }));
    await checkVersions(network, focReader(network)).catch(() => undefined);
    expect(asked).toBeGreaterThan(0);
  } finally {
    node.close();
  }
});
