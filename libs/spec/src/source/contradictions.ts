import { canonicalJson, PlatformError } from '@perennial/kernel';
import type { System } from '../system/system.js';
import type { Source } from './source.js';

/**
 * Refuses a system that reads the rows of a declared source in another way than its document says.
 *
 * @throws PlatformError SOURCE_CONFLICT, naming the field of the system.yaml
 */
export function checkAgrees(system: Pick<System, 'name' | 'source'>, declared: Source): void {
  const { time, key, zone, late } = system.source;
  const said = (value: unknown) => (value === undefined ? 'nothing' : canonicalJson(value));
  const pairs: [field: string, ours: unknown, theirs: unknown][] = [
    ['time', time, declared.time.column],
    ['key', key.toSorted(), declared.key.toSorted()],
    // What the system leaves open, the document says.
    ['zone', zone ?? declared.time.zone, declared.time.zone],
    ['late', late ?? declared.late, declared.late],
  ];
  for (const [field, ours, theirs] of pairs) {
    if (said(ours) === said(theirs)) continue;
    throw new PlatformError(
      'SOURCE_CONFLICT',
      'caller',
      'never',
      `source.${field}: the system "${system.name}" says ${said(ours)}, and the source "${declared.name}" is declared with ` +
        `${said(theirs)}; write the same in both`,
      { field: `source.${field}` },
    );
  }
}
