import { networkSchema, type Network } from '../../../src/kernel/index.js';

/** A network file of a deployment whose API is there and whose other parts are nowhere. */
export function testNetwork(apiUrl: string, recorder: string): Network {
  const address = (n: number): string => `0x${n.toString(16).padStart(40, '0')}`;
  const names = ['marketplace', 'logAnchor', 'keyNodeStaking', 'usdfc', 'multicall3', 'pdp', 'fwss', 'fwssView'];
  const more = ['filecoinPay', 'serviceProviderRegistry', 'sessionKeyRegistry', 'endorsements'];
  return networkSchema.parse({
    version: 1,
    name: 'test',
    chainId: 31415926,
    rpcUrl: 'http://127.0.0.1:1',
    apiUrl,
    contracts: Object.fromEntries([...names, ...more].map((name, i) => [name, address(i + 1)])),
    operator: address(0x0be7),
    recorder,
    treasury: address(0x77ea),
    protocolFeeBps: 250,
    log: { origin: 'log.example/test', url: 'http://127.0.0.1:1', vkeys: [{ vkey: 'unused', fromSize: 0 }] },
    witnesses: { quorum: 0, members: [] },
    ceramic: { url: 'http://127.0.0.1:1', controller: 'did:key:unused', model: 'unused' },
  });
}
