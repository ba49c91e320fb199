/**
 * Shards that may hold the same rows. A version that drops shards and brings new ones may have moved rows from any of those to any
 * of these, so their losses are counted together from then on; a shard that stays is itself, and one that only comes or only
 * goes has no kin.
 * @param versions - shard ids of each version of one dataset, oldest first
 * @param wanted - only families with one of these
 */
export function familiesOf(versions: readonly (readonly string[])[], wanted: readonly string[]): string[][] {
  const parent = new Map<string, string>();
  const rootOf = (id: string): string => {
    const up = parent.get(id) ?? id;
    return up === id ? id : rootOf(up);
  };
  for (const id of [...versions.flat(), ...wanted]) parent.set(id, parent.get(id) ?? id);
  for (const [i, next] of versions.entries()) {
    const before = versions[i - 1] ?? [];
    const [gone, come] = [without(before, next), without(next, before)];
    const [first] = gone;
    if (first === undefined || come.length === 0) continue;
    for (const id of [...gone, ...come]) parent.set(rootOf(id), rootOf(first));
  }
  const families = new Map<string, string[]>();
  for (const id of parent.keys()) families.set(rootOf(id), [...(families.get(rootOf(id)) ?? []), id]);
  const roots = new Set(wanted.map(rootOf));
  return [...families].filter(([root]) => roots.has(root)).map(([, family]) => family.toSorted());
}

function without(ids: readonly string[], others: readonly string[]): string[] {
  const known = new Set(others);
  return ids.filter((id) => !known.has(id));
}
