import type { JsonObject } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { CaptureLevel, RouteRole } from './gen/perennial/v1/model_events_pb.js';
import type { Prediction } from './gen/perennial/v1/prediction_pb.js';
import { hasIdentity, predictionFromJson, predictionsOfBinary, textOf } from './prediction-messages.js';

/** What services look at in a Prediction, as plain values: messages of protobuf cost ten times as much to read. */
export interface PlainPrediction {
  readonly predictionId: string;
  readonly system: string;
  readonly deployment: string;
  readonly epoch: number;
  /** Milliseconds since 1970; 0 where it is not said. */
  readonly receivedAt: number;
  readonly status: string;
  readonly capture: CaptureLevel;
  readonly notCaptured: number;
  readonly imported: boolean;
  readonly rows: readonly PlainRow[];
}

export interface PlainRow {
  /** Milliseconds since 1970. */
  readonly eventTime: number | undefined;
  readonly key: JsonObject;
  readonly features: JsonObject;
  readonly answers: readonly PlainAnswer[];
}

export interface PlainAnswer {
  readonly role: RouteRole;
  readonly version: number;
  readonly value: number;
  readonly served: boolean;
  readonly error: string;
  readonly propensity: number;
}

export interface PlainPredictions {
  /** Those that can be read, in their order. */
  readonly predictions: PlainPrediction[];
  /** How many of the message cannot be: they name no prediction or no system, or are none. */
  readonly malformed: number;
}

/**
 * Reads what `readPredictions` reads, of the fields above. What is written as the gateway writes it is taken as it is;
 * for every other way of ProtoJSON to say the same, and for what may be malformed, protobuf's own reader decides.
 */
export function readPlainPredictions(data: Uint8Array): PlainPredictions {
  let list: unknown[];
  try {
    const text = textOf(data);
    if (text === undefined) return plainOf(predictionsOfBinary(data));
    const json = JSON.parse(text) as { predictions?: unknown };
    const told = 'predictions' in json ? json.predictions : [json];
    if (!Array.isArray(told)) return { predictions: [], malformed: 1 };
    list = told;
  } catch {
    return { predictions: [], malformed: 1 };
  }
  const predictions: PlainPrediction[] = [];
  for (const one of list) {
    const read = plainPrediction(one) ?? throughMessage(one);
    if (read) predictions.push(read);
  }
  return { predictions, malformed: list.length - predictions.length };
}

function plainOf(messages: readonly Prediction[]): PlainPredictions {
  const predictions = messages.filter(hasIdentity).map(fromMessage);
  return { predictions, malformed: messages.length - predictions.length };
}

function throughMessage(json: unknown): PlainPrediction | undefined {
  const message = predictionFromJson(json);
  return message && hasIdentity(message) ? fromMessage(message) : undefined;
}

function fromMessage(message: Prediction): PlainPrediction {
  const { predictionId, system, deployment, status, capture, imported } = message;
  return {
    predictionId,
    system,
    deployment,
    epoch: Number(message.epoch),
    receivedAt: message.receivedAt ? timestampMs(message.receivedAt) : 0,
    status,
    capture,
    notCaptured: Number(message.notCaptured),
    imported,
    rows: message.rows.map(({ eventTime, key, features, answers }) => ({
      eventTime: eventTime && timestampMs(eventTime),
      key: key ?? {},
      features: features ?? {},
      answers: answers.map(({ $typeName: _, ...answer }) => answer),
    })),
  };
}

/** Parsed JSON whose fields are not looked at yet. */
type Fields<Names extends string> = { readonly [Name in Names]?: unknown };

const noRows: readonly PlainRow[] = [];
const noAnswers: readonly PlainAnswer[] = [];
const noColumns: JsonObject = {};

/** Undefined where any field is not as the gateway writes it. */
function plainPrediction(json: unknown): PlainPrediction | undefined {
  if (!isObject(json)) return undefined;
  const told = json as Fields<keyof PlainPrediction>;
  const { predictionId, system, deployment = '', status = '', imported = false } = told;
  if (typeof predictionId !== 'string' || predictionId === '') return undefined;
  if (typeof system !== 'string' || system === '') return undefined;
  if (typeof deployment !== 'string' || typeof status !== 'string' || typeof imported !== 'boolean')
    return undefined;
  const epoch = told.epoch === undefined ? 0 : count(told.epoch);
  const notCaptured = told.notCaptured === undefined ? 0 : count(told.notCaptured);
  const receivedAt = told.receivedAt === undefined ? 0 : timeMs(told.receivedAt);
  const capture = told.capture === undefined ? CaptureLevel.UNSPECIFIED : captures.get(told.capture);
  const rows = told.rows === undefined ? noRows : listOf(told.rows, plainRow);
  if (epoch === undefined || notCaptured === undefined || receivedAt === undefined) return undefined;
  if (capture === undefined || rows === undefined) return undefined;
  return {
    predictionId,
    system,
    deployment,
    epoch,
    receivedAt,
    status,
    capture,
    notCaptured,
    imported,
    rows,
  };
}

function plainRow(json: unknown): PlainRow | undefined {
  if (!isObject(json)) return undefined;
  const told = json as Fields<keyof PlainRow>;
  const { key = noColumns, features = noColumns } = told;
  if (!isObject(key) || !isObject(features)) return undefined;
  const eventTime = told.eventTime === undefined ? undefined : timeMs(told.eventTime);
  if (eventTime === undefined && told.eventTime !== undefined) return undefined;
  const answers = told.answers === undefined ? noAnswers : listOf(told.answers, plainAnswer);
  return answers && { eventTime, key, features, answers };
}

function plainAnswer(json: unknown): PlainAnswer | undefined {
  if (!isObject(json)) return undefined;
  const told = json as Fields<keyof PlainAnswer>;
  const { version = 0, served = false, error = '', propensity = 0 } = told;
  if (typeof version !== 'number' || !Number.isInteger(version) || version < 0 || version > uint32Max)
    return undefined;
  if (typeof served !== 'boolean' || typeof error !== 'string') return undefined;
  if (typeof propensity !== 'number' || !Number.isFinite(propensity)) return undefined;
  const role = told.role === undefined ? RouteRole.UNSPECIFIED : roles.get(told.role);
  const value = told.value === undefined ? 0 : double(told.value);
  if (role === undefined || value === undefined) return undefined;
  return { role, version, value, served, error, propensity };
}

const uint32Max = 2 ** 32 - 1;
const captures = namesOf('CAPTURE_LEVEL_', CaptureLevel);
const roles = namesOf('ROUTE_ROLE_', RouteRole);

/** An enumeration's values by their names in JSON. */
function namesOf<E extends number>(prefix: string, values: Record<string, string | E>): Map<unknown, E> {
  const named = Object.entries(values).filter((entry): entry is [string, E] => typeof entry[1] === 'number');
  return new Map(named.map(([name, value]) => [prefix + name, value]));
}

function isObject(json: unknown): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

/** All of a list, or undefined where one of it is not as expected. */
function listOf<T>(json: unknown, read: (one: unknown) => T | undefined): readonly T[] | undefined {
  if (!Array.isArray(json)) return undefined;
  const list: T[] = [];
  for (const one of json) {
    const told = read(one);
    if (told === undefined) return undefined;
    list.push(told);
  }
  return list;
}

/** As many digits as a double holds exactly. */
const digits = /^[0-9]{1,15}$/;

/** A uint64, which JSON has as text. */
function count(json: unknown): number | undefined {
  return typeof json === 'string' && digits.test(json) ? Number(json) : undefined;
}

const isoTime = /^(?!0000)[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{3})?Z$/;

function timeMs(json: unknown): number | undefined {
  if (typeof json !== 'string' || !isoTime.test(json)) return undefined;
  const ms = Date.parse(json);
  return Number.isNaN(ms) ? undefined : ms;
}

function double(json: unknown): number | undefined {
  if (typeof json === 'number') return Number.isFinite(json) ? json : undefined;
  if (json === 'NaN') return Number.NaN;
  if (json === 'Infinity') return Number.POSITIVE_INFINITY;
  return json === '-Infinity' ? Number.NEGATIVE_INFINITY : undefined;
}
