import type { JsonObject } from '@bufbuild/protobuf';
import type { FeatureInput } from '@perennial/contracts';
import { invalid, limits } from '@perennial/kernel';

/**
 * The rows of a predict body: `{"rows":[{…}, …]}`, or one row `{…}`.
 *
 * @throws PlatformError PREDICT_ROWS_INVALID
 */
export function rowsOfBody(body: unknown): JsonObject[] {
  if (!isObject(body)) throw wrong('body', 'must be a JSON object: one row, or {"rows":[…]}');
  const rows = Array.isArray(body['rows']) ? body['rows'] : [body];
  if (rows.length === 0) throw wrong('rows', 'must hold at least one row');
  if (rows.length > limits.predictRowsMax) {
    throw wrong(
      'rows',
      `holds ${rows.length} rows, at most ${limits.predictRowsMax} are taken; send more requests, or use /v2 with tensors`,
    );
  }
  rows.forEach((row, at) => {
    if (!isObject(row)) throw wrong(`rows[${at}]`, 'must be an object of columns');
  });
  return rows as JsonObject[];
}

/** Names of model inputs that at least one row does not bring itself. */
export function absentInputs(inputs: readonly FeatureInput[], rows: readonly JsonObject[]): string[] {
  return inputs.filter(({ name }) => rows.some((row) => row[name] === undefined)).map(({ name }) => name);
}

/**
 * Refuses values that nest deeper than any tensor: a message that carries them is refused by whoever reads it, with
 * everybody's rows that travel in it.
 *
 * @throws PlatformError FEATURE_INVALID
 */
export function checkNesting(rows: readonly JsonObject[]): void {
  rows.forEach((row, at) => {
    for (const name in row) {
      const value = row[name];
      if (typeof value !== 'object' || value === null || !isDeeper(value, nestingMax)) continue;
      throw invalid(
        'FEATURE_INVALID',
        `rows[${at}].${name.slice(0, 80)} nests more than ${nestingMax} levels; send numbers, texts, or the lists of a tensor`,
        { field: `rows[${at}].${name.slice(0, 80)}` },
      );
    }
  });
}

const nestingMax = 16;

function isDeeper(value: object, levels: number): boolean {
  if (levels === 0) return true;
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null && isDeeper(inner, levels - 1)) return true;
  }
  return false;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wrong(field: string, message: string) {
  return invalid('PREDICT_ROWS_INVALID', `${field} ${message}`, { field });
}
