import { verifyReceipt } from '../../../src/provenance/verify/index.js';
import { trust, witnessVkey } from '../../support/noted-log.js';

export { bundleForBrowser, hasBrowser, openPage } from '../../support/browser.js';
export { storyReceipt } from '../../support/story-receipt.js';
export { verifyReceipt };
export const witnessed = { ...trust, witnesses: { quorum: 1, vkeys: [witnessVkey] } };
