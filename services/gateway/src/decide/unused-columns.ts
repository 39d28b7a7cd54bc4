import type { JsonObject } from '@bufbuild/protobuf';
import type { DeploymentUpdated } from '@perennial/contracts';

/** As many as a person looks at. */
const namedMax = 20;

const known = new WeakMap<DeploymentUpdated, ReadonlySet<string>>();

/**
 * Columns of a request that nothing reads: mostly a misspelt name, whose feature is then missing without a word. What
 * the system's description names anywhere counts as read: as a column, a key, a label, or within an expression.
 */
export function unusedColumns(deployment: DeploymentUpdated, rows: readonly JsonObject[]): string[] {
  let names = known.get(deployment);
  if (!names) {
    const described = deployment.specJson.match(/\w+/g) ?? [];
    names = new Set([...deployment.inputs.map(({ name }) => name), ...described]);
    known.set(deployment, names);
  }
  const unused = new Set<string>();
  for (const row of rows) {
    for (const name of Object.keys(row)) {
      if (names.has(name) || unused.size >= namedMax) continue;
      // A name of several words, or of other letters, is looked for as a whole.
      if (!/^\w+$/.test(name) && deployment.specJson.includes(JSON.stringify(name).slice(1, -1))) continue;
      unused.add(name);
    }
  }
  return [...unused];
}
