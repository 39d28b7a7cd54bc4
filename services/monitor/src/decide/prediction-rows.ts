import { type PlainAnswer, type PlainPrediction, type PlainRow, RouteRole } from '@perennial/contracts';
import type { System } from '@perennial/spec';
import { identityOfPredictions } from './identity.js';
import type { FeatureValue } from './model.js';

/** What is kept of one row that was asked about. */
export interface KeptRow {
  readonly eventTime: number;
  readonly identity: string;
  readonly predictionId: string;
  readonly receivedAt: number;
  readonly epoch: number;
  readonly servedVersion: number;
  readonly servedValue: number;
  readonly byChampion: boolean;
  /** How likely the served version was to be drawn; 0 where a rule named it. */
  readonly propensity: number;
  readonly versions: readonly number[];
  readonly answers: readonly number[];
  readonly features: Readonly<Record<string, FeatureValue>>;
}

/** A request that ended well; its rows may count. */
export function isAnswered(prediction: PlainPrediction): boolean {
  return prediction.status === 'OK';
}

/**
 * The rows of the predictions that labels can meet: those with an event time and a served answer. A row that was asked
 * about twice counts once, by its first answer: that one was given with what was known at the time, and nobody can mend
 * the measured error by asking again.
 */
export function keptRows(system: System, predictions: readonly PlainPrediction[]): KeptRow[] {
  const identityOf = identityOfPredictions(system);
  const rows = new Map<string, KeptRow>();
  for (const prediction of predictions) {
    if (!isAnswered(prediction)) continue;
    for (const row of prediction.rows) {
      const kept = keptRow(identityOf, prediction, row);
      if (!kept) continue;
      const place = `${kept.eventTime} ${kept.identity}`;
      const known = rows.get(place);
      if (!known || isEarlier(kept, known)) rows.set(place, kept);
    }
  }
  return [...rows.values()];
}

function isEarlier(one: KeptRow, other: KeptRow): boolean {
  if (one.receivedAt !== other.receivedAt) return one.receivedAt < other.receivedAt;
  return one.predictionId < other.predictionId;
}

function keptRow(
  identityOf: ReturnType<typeof identityOfPredictions>,
  { predictionId, receivedAt, epoch }: PlainPrediction,
  { eventTime, key, features, answers }: PlainRow,
): KeptRow | undefined {
  const good = answers.filter(isGood);
  const served = good.find((answer) => answer.served);
  if (eventTime === undefined || !served) return undefined;
  const byVersion = new Map<number, PlainAnswer>();
  for (const answer of good) byVersion.set(answer.version, answer);
  // A version may answer twice, as champion and as standing shadow; what was served is what counts.
  byVersion.set(served.version, served);
  return {
    eventTime,
    identity: identityOf(key, features),
    predictionId,
    receivedAt,
    epoch,
    servedVersion: served.version,
    servedValue: served.value,
    byChampion: served.role === RouteRole.CHAMPION,
    propensity: served.propensity,
    versions: [...byVersion.keys()],
    answers: Array.from(byVersion.values(), ({ value }) => value),
    features: plainFeatures(features),
  };
}

function isGood({ error, value }: PlainAnswer): boolean {
  return error === '' && Number.isFinite(value);
}

function plainFeatures(features: PlainRow['features']): Record<string, FeatureValue> {
  const values: Record<string, FeatureValue> = {};
  for (const name in features) values[name] = plain(features[name]);
  return values;
}

function plain(value: unknown): FeatureValue {
  if (typeof value === 'number' || typeof value === 'string') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  return null;
}
