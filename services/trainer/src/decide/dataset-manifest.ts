import { PlatformError } from '@perennial/kernel';

/** What a training set's manifest says that the training needs. */
export interface DatasetManifest {
  readonly features: readonly string[];
  readonly label: string;
}

/** @throws PlatformError DATASET_MANIFEST_MALFORMED */
export function readDatasetManifest(text: string): DatasetManifest {
  let value: { kind?: unknown; features?: unknown; label?: unknown };
  try {
    value = JSON.parse(text) as typeof value;
  } catch {
    throw malformed('it is no JSON');
  }
  const { kind, features, label } = value ?? {};
  if (kind !== 'perennial/dataset-manifest/v1') throw malformed(`its kind is ${JSON.stringify(kind)}`);
  if (
    !Array.isArray(features) ||
    features.length === 0 ||
    !features.every((name) => typeof name === 'string')
  ) {
    throw malformed('"features" must be a list of names');
  }
  if (typeof label !== 'string' || label === '') throw malformed('"label" must be a name');
  return { features: features as string[], label };
}

function malformed(why: string): PlatformError {
  return new PlatformError(
    'DATASET_MANIFEST_MALFORMED',
    'us',
    'never',
    `the manifest of the dataset cannot be used: ${why}`,
  );
}
