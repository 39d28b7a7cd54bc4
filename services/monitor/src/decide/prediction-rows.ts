import { timestampMs } from '@bufbuild/protobuf/wkt';
import { type Answer, type Prediction, type PredictionRow, RouteRole } from '@perennial/contracts';
import type { System } from '@perennial/spec';
import { identityOfPrediction } from './identity.js';
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
export function isAnswered(prediction: Prediction): boolean {
  return prediction.status === 'OK';
}

/**
 * The rows of the predictions that labels can meet: those with an event time and a served answer. A row that was asked
 * about twice counts once, by its first answer: that one was given with what was known at the time, and nobody can mend
 * the measured error by asking again.
 */
export function keptRows(system: System, predictions: readonly Prediction[]): KeptRow[] {
  const rows = new Map<string, KeptRow>();
  for (const prediction of predictions) {
    if (!isAnswered(prediction)) continue;
    for (const row of prediction.rows) {
      const kept = keptRow(system, prediction, row);
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

function keptRow(system: System, prediction: Prediction, row: PredictionRow): KeptRow | undefined {
  const good = row.answers.filter(({ error, value }) => error === '' && Number.isFinite(value));
  const served = good.find((answer) => answer.served);
  if (!row.eventTime || !served) return undefined;
  const features = { ...row.features };
  const byVersion = new Map<number, Answer>(good.map((answer) => [answer.version, answer]));
  // A version may answer twice, as champion and as standing shadow; what was served is what counts.
  byVersion.set(served.version, served);
  return {
    eventTime: timestampMs(row.eventTime),
    identity: identityOfPrediction(system, row.key ?? {}, features),
    predictionId: prediction.predictionId,
    receivedAt: prediction.receivedAt ? timestampMs(prediction.receivedAt) : 0,
    epoch: Number(prediction.epoch),
    servedVersion: served.version,
    servedValue: served.value,
    byChampion: served.role === RouteRole.CHAMPION,
    propensity: served.propensity,
    versions: [...byVersion.keys()],
    answers: [...byVersion.values()].map(({ value }) => value),
    features: Object.fromEntries(Object.entries(features).map(([name, value]) => [name, plain(value)])),
  };
}

function plain(value: unknown): FeatureValue {
  if (typeof value === 'number' || typeof value === 'string') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  return null;
}
