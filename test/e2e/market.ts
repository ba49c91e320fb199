import { startTestDevnet, type TestDevnet } from '../support/devnet.js';

let net: TestDevnet | undefined;

export async function startMarket(): Promise<void> {
  // Honest models take one or two of them; one story has a model that takes minutes.
  net = await startTestDevnet({ env: { SANDBOX_PREPARE_SECONDS: '10' } });
}

export async function stopMarket(): Promise<void> {
  await net?.stop();
}

/** The devnet that the stories of market.spec.ts share; there from their first hook on. */
export function market(): TestDevnet {
  if (net === undefined) throw new Error('the devnet is started by market.spec.ts');
  return net;
}
