import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { invalid, parseEventTime } from '@perennial/kernel';

/** Which row a label is about: the row of a prediction, or a row by its event time and key. */
export type Target =
  | { readonly predictionId: string; readonly ordinal: number }
  | { readonly system: string; readonly eventTimeMs: number; readonly key: JsonObject };

/** A late truth, as a person tells it. */
export interface ToldLabel {
  readonly target: Target;
  /** Of the system's label; else columns by name. */
  readonly value: JsonValue | undefined;
  readonly values: JsonObject;
  /** Names this statement, where the sender names it. */
  readonly id: string | undefined;
}

/** Labels of one body; each is a message of its own on the bus. */
export const labelsMax = 1_000;

const memberNames = ['prediction_id', 'ordinal', 'system', 'event_time', 'key', 'value', 'values', 'id'];

/**
 * Reads one label `{…}` or `{"labels":[…]}`.
 *
 * @throws PlatformError LABELS_INVALID, EVENT_TIME_INVALID, naming the field
 */
export function readLabels(body: JsonObject): ToldLabel[] {
  if (!('labels' in body)) return [readLabel(body, '')];
  const { labels, ...rest } = body;
  const other = Object.keys(rest)[0];
  if (other !== undefined) throw wrong(other, 'is not known beside "labels"; leave it out');
  if (!Array.isArray(labels) || labels.length === 0)
    throw wrong('labels', 'must be a list of one label or more');
  if (labels.length > labelsMax)
    throw wrong('labels', `holds ${labels.length} labels, at most ${labelsMax} are taken; send more bodies`);
  return labels.map((label, at) => {
    if (!isObject(label)) throw wrong(`labels[${at}]`, 'must be an object');
    return readLabel(label, `labels[${at}].`);
  });
}

function readLabel(label: JsonObject, at: string): ToldLabel {
  const unknown = Object.keys(label).find((name) => !memberNames.includes(name));
  if (unknown !== undefined)
    throw wrong(`${at}${unknown}`, `is not known here; a label has ${memberNames.join(', ')}`);
  const { value, values, id } = label;
  if ((value === undefined) === (values === undefined))
    throw wrong(`${at}value`, 'is missing; send "value", or "values" with columns by name, and not both');
  if (value !== undefined && !isScalar(value))
    throw wrong(`${at}value`, 'must be a number, a text or a boolean');
  return {
    target: targetOf(label, at),
    value,
    values: valuesOf(values, `${at}values`),
    id: id === undefined ? undefined : textOf(id, `${at}id`, 100),
  };
}

function targetOf(label: JsonObject, at: string): Target {
  const { prediction_id, ordinal = 0, system, event_time, key = {} } = label;
  if (prediction_id !== undefined) {
    const other = ['system', 'event_time', 'key'].find((name) => label[name] !== undefined);
    if (other !== undefined)
      throw wrong(`${at}${other}`, 'says twice what "prediction_id" says; send one of both');
    return rowOfPrediction(textOf(prediction_id, `${at}prediction_id`, 60), ordinal, at);
  }
  if (label['ordinal'] !== undefined) throw wrong(`${at}ordinal`, 'goes with "prediction_id"');
  if (system === undefined || event_time === undefined)
    throw wrong(
      `${at}prediction_id`,
      'is missing; send it, or "system", "event_time" and the source\'s "key"',
    );
  if (!isObject(key) || !Object.values(key).every(isScalar))
    throw wrong(`${at}key`, "must be an object of the source's key columns");
  return {
    system: textOf(system, `${at}system`, 64),
    eventTimeMs: parseEventTime(event_time, `${at}event_time`),
    key,
  };
}

/** Rows of one request are named `<id>/<ordinal>` in its answer; both forms are read. */
function rowOfPrediction(text: string, ordinal: JsonValue, at: string): Target {
  const named = /^([0-9a-f-]{36})(?:\/(\d{1,6}))?$/.exec(text);
  if (!named) throw wrong(`${at}prediction_id`, 'must be the id that a prediction was answered with');
  if (!Number.isInteger(ordinal) || Number(ordinal) < 0)
    throw wrong(`${at}ordinal`, 'must be the number of the row in its request, from 0');
  return { predictionId: named[1] as string, ordinal: Number(named[2] ?? ordinal) };
}

function valuesOf(values: JsonValue | undefined, field: string): JsonObject {
  if (values === undefined) return {};
  if (!isObject(values) || Object.keys(values).length === 0)
    throw wrong(field, 'must be an object of one column or more');
  const odd = Object.keys(values).find((name) => !isScalar(values[name] as JsonValue));
  if (odd !== undefined) throw wrong(`${field}.${odd}`, 'must be a number, a text or a boolean');
  return values;
}

function textOf(value: JsonValue, field: string, lengthMax: number): string {
  if (typeof value === 'string' && value !== '' && value.length <= lengthMax) return value;
  throw wrong(field, `must be a text of 1 to ${lengthMax} characters`);
}

function isScalar(value: JsonValue): boolean {
  return ['number', 'string', 'boolean'].includes(typeof value);
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wrong(field: string, message: string) {
  return invalid('LABELS_INVALID', `${field} ${message}`, { field });
}
