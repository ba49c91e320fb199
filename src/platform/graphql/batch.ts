import DataLoader from 'dataloader';

/**
 * One DataLoader a request: what a page's rows ask for one by one is fetched together, and no answer outlives its request.
 * @param fetchAll - gives a value for each key it finds; keys without one resolve to undefined
 */
export function batchByRequest<K, V>(fetchAll: (keys: readonly K[]) => Promise<ReadonlyMap<K, V>>) {
  const loaders = new WeakMap<object, DataLoader<K, V | undefined>>();
  return async (request: object, key: K): Promise<V | undefined> => {
    let loader = loaders.get(request);
    if (loader === undefined) {
      loader = new DataLoader(async (keys) => {
        const found = await fetchAll(keys);
        return keys.map((k) => found.get(k));
      });
      loaders.set(request, loader);
    }
    return loader.load(key);
  };
}
