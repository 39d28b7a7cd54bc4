import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Real data for tests lies beside the checkout; the project never copies it. */
const folder = new URL('../../../../shared/data/', import.meta.url);

/** Reason to give where a test is skipped. */
export const withoutRealData = 'shared/data does not lie beside this checkout';

/** Path of a file of real data such as `bike_sharing/hour.csv`; undefined where it is absent. */
export function realData(name: string): string | undefined {
  const path = fileURLToPath(new URL(name, folder));
  return existsSync(path) ? path : undefined;
}
