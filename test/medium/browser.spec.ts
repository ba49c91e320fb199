// Real: Debian's Chromium, the verifier's entry point bundled for it, a receipt with its records, proofs and signatures.
// Faked: nothing. Skipped, aloud, where no Chromium is installed (apt-get install -y chromium).
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyReceipt, type Verdict } from '../../src/provenance/verify/index.js';
import { bundleForBrowser, hasBrowser, openPage, type BrowserPage } from '../support/browser.js';
import { trust, witnessVkey } from '../support/noted-log.js';
import { storyReceipt } from '../support/story-receipt.js';

const entryPoint = path.resolve(import.meta.dirname, '../../src/provenance/verify/index.ts');
if (!hasBrowser)
  console.warn('SKIPPED: no Chromium here, so nothing is verified in a browser (apt-get install -y chromium)');

const witnessed = { ...trust, witnesses: { quorum: 1, vkeys: [witnessVkey] } };

/** Runs in the page. */
const VERIFY = `([text, trust]) => window.module.verifyReceipt(new TextEncoder().encode(text), trust)`;

describe.skipIf(!hasBrowser)('the verifier in a browser', () => {
  let browser: BrowserPage;
  let receipt: string;
  beforeAll(async () => {
    const bytes = await storyReceipt({ witnessed: true });
    receipt = new TextDecoder().decode(bytes);
    browser = await openPage(await bundleForBrowser(entryPoint));
  }, 240_000);
  afterAll(async () => browser?.close());

  const inBrowser = async (text: string): Promise<Verdict> =>
    browser.page.evaluate<Verdict>(`(${VERIFY})(${JSON.stringify([text, witnessed])})`);

  it('says of a receipt, line by line, what it says in Node', async () => {
    const verdict = await inBrowser(receipt);
    expect(verdict).toEqual(await verifyReceipt(new TextEncoder().encode(receipt), witnessed));
    expect(verdict.ok).toBe(true);
  });

  it('refuses a receipt with one character changed', async () => {
    for (const at of [0.01, 0.2, 0.4, 0.6, 0.8, 0.99].map((part) => Math.floor(part * receipt.length))) {
      const changed = receipt.slice(0, at) + (receipt[at] === 'a' ? 'b' : 'a') + receipt.slice(at + 1);
      expect({ at, ok: (await inBrowser(changed)).ok }).toEqual({ at, ok: false });
    }
  });
});
