import { modelInputs, type System } from '@perennial/spec';
import type { TrainingRequest } from './exchange.js';

/** The model's inputs for the features of a training set, a list's numbers one by one, and how they are encoded. */
export function modelFeatures(
  features: System['features'],
  names: readonly string[],
): Pick<TrainingRequest, 'features' | 'encodings'> {
  const known = new Map(features.map((feature) => [feature.name, feature]));
  const found = names.map((name) => ({ name, feature: known.get(name) }));
  return {
    features: found.flatMap(({ name, feature }) => (feature ? modelInputs({ features: [feature] }) : [name])),
    encodings: Object.fromEntries(
      found.flatMap(({ name, feature }) =>
        feature && 'encode' in feature && feature.encode ? [[name, feature.encode]] : [],
      ),
    ),
  };
}
