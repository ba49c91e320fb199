/** The last task of each account. Never rejects. */
const tails = new Map<string, Promise<unknown>>();

/**
 * Runs `task` after every earlier task of the same account in this process, whether those failed or not. Only what
 * chooses and spends a nonce belongs in here, not the wait for a receipt.
 */
export function inAccountQueue<T>(account: string, task: () => Promise<T>): Promise<T> {
  const result = (tails.get(account) ?? Promise.resolve()).then(task);
  tails.set(account, Promise.allSettled([result]));
  return result;
}
