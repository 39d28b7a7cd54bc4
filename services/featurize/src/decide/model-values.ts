import { type System, sizeOf } from '@perennial/spec';
import type { FeatureValue } from './online-row.js';

/**
 * Values by the model's inputs, in their order: a list becomes `name[0]`, `name[1]`, ..., each null where it is
 * missing. What is not there is null.
 */
export function modelValues(
  { features }: Pick<System, 'features'>,
  values: Readonly<Record<string, FeatureValue>>,
): Record<string, number | string | null> {
  const inputs: Record<string, number | string | null> = {};
  for (const feature of features) {
    const value = values[feature.name] ?? null;
    const size = sizeOf(feature);
    if (size === undefined) inputs[feature.name] = typeof value === 'object' ? null : value;
    for (let at = 0; at < (size ?? 0); at++) {
      inputs[`${feature.name}[${at}]`] = Array.isArray(value) ? (value[at] as number) : null;
    }
  }
  return inputs;
}
