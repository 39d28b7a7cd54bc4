import type { JsonObject } from '@bufbuild/protobuf';
import { invalid } from '@perennial/kernel';
import { rowsOfBody } from './shape-rows.js';

/** What a predict body asks for beside the prediction. */
export interface PredictOptions {
  /** Says why: compared with the usual row of the training, or with the row that is given. */
  readonly explain: boolean | JsonObject;
  /** Sends the features in effect along, and which of them came with the row. */
  readonly features: boolean;
  /** Names the class, where the deployment declares its classes. */
  readonly decode: boolean;
}

export interface PredictBody {
  readonly rows: JsonObject[];
  readonly options: PredictOptions;
}

const optionNames = ['explain', 'features', 'decode'];
const defaults: PredictOptions = { explain: false, features: true, decode: true };

/**
 * Reads `{"rows":[…], "explain":…, "features":…, "decode":…}`. A body without `rows` is one row itself and has no options.
 *
 * @throws PlatformError PREDICT_ROWS_INVALID, PREDICT_OPTION_INVALID
 */
export function readPredictBody(body: unknown): PredictBody {
  const rows = rowsOfBody(body);
  const { rows: listed, ...given } = body as { rows?: unknown } & Record<string, unknown>;
  if (!Array.isArray(listed)) return { rows, options: defaults };
  const unknown = Object.keys(given).find((name) => !optionNames.includes(name));
  if (unknown !== undefined) {
    throw wrong(unknown, `is no option; beside "rows" there may be ${optionNames.join(', ')}`);
  }
  return {
    rows,
    options: {
      explain: isObject(given['explain'])
        ? referenceOf(given['explain'])
        : booleanOf(given, 'explain', defaults.explain as boolean, ', or {"reference": {…}}'),
      features: booleanOf(given, 'features', defaults.features),
      decode: booleanOf(given, 'decode', defaults.decode),
    },
  };
}

function referenceOf(explain: JsonObject): JsonObject {
  const unknown = Object.keys(explain).find((name) => name !== 'reference');
  if (unknown !== undefined)
    throw wrong(`explain.${unknown}`, 'is no option; "explain" may hold "reference", a row to compare with');
  const { reference } = explain;
  if (!isObject(reference)) throw wrong('explain.reference', 'must be an object: every input of the model');
  return reference;
}

function booleanOf(
  given: Readonly<Record<string, unknown>>,
  name: string,
  otherwise: boolean,
  more = '',
): boolean {
  const value = given[name];
  if (value === undefined) return otherwise;
  if (typeof value === 'boolean') return value;
  throw wrong(name, `must be true or false${more}, got ${JSON.stringify(value)?.slice(0, 60)}`);
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wrong(field: string, message: string) {
  return invalid('PREDICT_OPTION_INVALID', `${field} ${message}`, { field });
}
