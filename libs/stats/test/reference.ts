import { existsSync, readFileSync } from 'node:fs';

/** Figures of SciPy and others lie beside a developer's checkout. */
const folder = new URL('../../../../shared/data/reference/', import.meta.url);

export const hasReference = existsSync(folder);
export const withoutReference = 'shared/data/reference does not lie beside this checkout';

export function reference<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as T;
}
