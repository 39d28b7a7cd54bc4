import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { invalid } from '@perennial/kernel';

/** The row that explanations compare with: each input's usual value in the rows that the model was trained on. */

/**
 * Medians and modes out of a model manifest's reference profile; null where the training rows had no value.
 *
 * @throws PlatformError EXPLAIN_REFERENCE_ABSENT where the manifest has no profile of an input
 */
export function referenceOf(manifestJson: string, inputs: readonly string[]): JsonObject {
  const features = profileOf(manifestJson);
  return Object.fromEntries(inputs.map((name) => [name, usualValue(features[name], name)]));
}

/** The reference that a client sent: every input, by name. */
export function givenReference(given: JsonObject, inputs: readonly string[]): JsonObject {
  for (const name of inputs) {
    if (given[name] === undefined)
      throw absent(`explain.reference.${name} is missing; name every input of the model: ${listed(inputs)}`);
  }
  const unknown = Object.keys(given).find((name) => !inputs.includes(name));
  if (unknown !== undefined) {
    throw invalid(
      'PREDICT_OPTION_INVALID',
      `explain.reference.${unknown} is no input of the model; its inputs are ${listed(inputs)}`,
      { field: `explain.reference.${unknown}` },
    );
  }
  return given;
}

function profileOf(manifestJson: string): Record<string, unknown> {
  const manifest = manifestJson === '' ? {} : (JSON.parse(manifestJson) as unknown);
  const { reference } = manifest as { reference?: { features?: Record<string, unknown> } };
  if (reference?.features) return reference.features;
  throw absent(
    'this model was not trained here, and no profile of its training rows is known; send the row to compare with: "explain": {"reference": {…}}',
  );
}

function usualValue(feature: unknown, name: string): JsonValue {
  const profile = (feature ?? {}) as {
    kind?: string;
    quantiles?: number[];
    counts?: Record<string, number>;
  };
  if (profile.kind === 'number' && profile.quantiles) return median(profile.quantiles);
  if (profile.kind === 'text' && profile.counts) return mode(profile.counts);
  throw absent(
    `the model's manifest has no profile of "${name}"; send the row to compare with: "explain": {"reference": {…}}`,
  );
}

/** Of quantiles at even distances the one in the middle. */
function median(quantiles: readonly number[]): number | null {
  if (quantiles.length === 0) return null;
  const middle = (quantiles.length - 1) / 2;
  return ((quantiles[Math.floor(middle)] as number) + (quantiles[Math.ceil(middle)] as number)) / 2;
}

/** Of the most frequent texts the first by the alphabet, so that it does not depend on an order of storage. */
function mode(counts: Readonly<Record<string, number>>): string | null {
  const [first] = Object.entries(counts).sort(
    ([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1),
  );
  return first?.[0] ?? null;
}

function listed(names: readonly string[]): string {
  return names.length <= 20 ? names.join(', ') : `${names.slice(0, 20).join(', ')} and more`;
}

function absent(message: string) {
  return invalid('EXPLAIN_REFERENCE_ABSENT', message, { field: 'explain' });
}
