import type { Reader } from '../system/reader.js';
import { type Severity, severities } from './schema.js';

/** A field as an object to be spread: nothing where it is absent or wrong. */
export function ifGiven<Name extends string, Value>(
  at: Reader,
  name: Name,
  read: (at: Reader) => Value | undefined,
): { [Key in Name]?: Value } {
  const value = at.isAbsent ? undefined : read(at);
  return (value === undefined ? {} : { [name]: value }) as { [Key in Name]?: Value };
}

/** `warn`, for all rules, or severities by rule. */
export function readSeverity<Rule extends string>(
  at: Reader,
  rules: readonly Rule[],
): Partial<Record<Rule | 'default', Severity>> | undefined {
  if (typeof at.value === 'string') {
    const all = at.choice(severities);
    return all && ({ default: all } as Partial<Record<Rule | 'default', Severity>>);
  }
  const names = ['default', ...rules] as const;
  const fields = at.fields<Rule | 'default'>(names as readonly (Rule | 'default')[]);
  if (!fields) return undefined;
  const given = names.filter((name) => !fields[name as Rule].isAbsent);
  const read = given.map((name) => [name, fields[name as Rule].choice(severities)] as const);
  return Object.fromEntries(read) as Partial<Record<Rule | 'default', Severity>>;
}
