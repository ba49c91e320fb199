import { plain } from '../ui/text.js';

/** What a job waits for, in a buyer's words: what may heal by itself on the way from the record to the sandbox. */
const WAITING: Partial<Record<string, string>> = {
  WITNESSES_MISSING: 'too few witnesses of the log answer, so no key is released',
  PROVIDER_DOWN: 'no storage provider that has the dataset answers',
  KEY_NODES_DOWN: 'too few key nodes answer to put the data key together',
  KEY_DENIED: 'the key nodes do not see the access on chain yet',
  CHAIN_UNAVAILABLE: 'the chain does not answer',
  LOG_UNAVAILABLE: 'the log does not answer',
  TIMEOUT: 'a transaction is not on chain yet',
  DISK_FULL: 'the worker has no room on its disk',
  SANDBOX_UNAVAILABLE: 'the worker has no sandbox to train in',
};

/** @param code - as the job has it, one of the codes of errors that are tried again */
export function waitingWords(code: string): string {
  const words = WAITING[code];
  return words === undefined ? plain(code) : `${words} (${code})`;
}
