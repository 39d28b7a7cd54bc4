import { create, type JsonValue, toJson } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Emitter } from '@perennial/bus';
import {
  DriftReportRecordedSchema,
  events,
  ReviewConcludedSchema,
  ReviewVerdict,
} from '@perennial/contracts';
import { uuidv5 } from '@perennial/kernel';
import type { System } from '@perennial/spec';
import type { Context, Stores } from './context.js';
import type { LabelledRow, Reference } from './decide/model.js';
import { baselineOf, watchSettingsOf } from './decide/settings.js';
import {
  isLookDue,
  type Report,
  type Reviewed,
  rowsLookedBackOn,
  type Watch,
  watchRows,
} from './decide/watch.js';
import type { Profile } from './effects/manifests.js';
import { monitorLimits } from './limits.js';
import type { Champion } from './store/facts.js';
import type { Raised } from './store/watches.js';

export interface Telling {
  readonly context: Context;
  readonly stores: Stores;
  readonly emit: Emitter;
}

/** Looks at the labelled rows of the champion that were not looked at yet; writes and tells what comes of it. */
export async function watchChampion(telling: Telling, system: System): Promise<void> {
  const { stores } = telling;
  const champion = await stores.facts.champion(system.name);
  if (!champion) return;
  let watch: Watch | undefined;
  for (;;) {
    const rows = await stores.rows.unwatched(system.name, champion, monitorLimits.rowsPerLookMax);
    if (rows.length === 0) return;
    watch ??= await stores.watches.load(system.name, champion);
    watch = await lookAt(telling, system, { champion, watch, rows });
    await stores.rows.markWatched(system.name, rows);
    await stores.watches.save(system.name, watch);
  }
}

async function lookAt(
  telling: Telling,
  system: System,
  { champion, watch, rows }: { champion: Champion; watch: Watch; rows: LabelledRow[] },
): Promise<Watch> {
  const settings = watchSettingsOf(system);
  // Large windows are not looked at for every row; then their rows need not be read.
  if (!isLookDue(settings.windowRows, watch.rows, rows.length))
    return { ...watch, rows: watch.rows + rows.length };
  const { facts, rows: stored } = telling.stores;
  const reach = rowsLookedBackOn(settings.windowRows);
  const before = await stored.watched(system.name, champion, reach);
  const first = [before[0], rows[0]].map((row) => row?.eventTime ?? Number.POSITIVE_INFINITY);
  const start = Math.min(...first);
  const formerly = before.length < reach ? await stored.before(system.name, start, reach) : [];
  const { evaluationValue, profile } = champion;
  const watched = watchRows({
    settings,
    watch,
    reference: referenceOf(profile),
    baseline: baselineOf(system, { evaluationValue, holdoutErrors: profile.holdoutErrors }),
    before,
    rows,
    formerly,
    held: await facts.held(settings.source, start, rows.at(-1)?.eventTime ?? start),
    rollout: await facts.rollouts(system.name, watch.lastReview?.reviewId),
  });
  for (const report of watched.reports) await tellReport(telling, system, report);
  for (const reviewed of watched.reviews) await tellReview(telling, system, reviewed);
  return watched.watch;
}

function referenceOf({ rows, features }: Profile): Reference {
  return {
    rows,
    features: Object.fromEntries(
      Object.entries(features).map(([name, feature]) => [
        name,
        feature.kind === 'number' ? { ...feature, mean: feature.mean ?? 0, sd: feature.sd ?? 0 } : feature,
      ]),
    ),
  };
}

async function tellReport({ stores, emit }: Telling, system: System, report: Report): Promise<void> {
  const { decay } = report;
  const body = create(DriftReportRecordedSchema, {
    reportId: report.reportId,
    system: system.name,
    modelVersion: report.modelVersion,
    windowRows: report.windowRows,
    dataTimeFrom: timestampFromMs(report.from),
    dataTimeTo: timestampFromMs(report.to),
    features: report.features.map(({ feature, statistic, value, pAdjusted, effect, drifted }) => ({
      feature,
      statistic,
      value,
      pAdjusted,
      effect,
      drifted,
    })),
    decay: {
      metric: decay.metric,
      value: decay.value,
      baseline: decay.baseline,
      rows: decay.rows,
      decayed: decay.decayed,
    },
  });
  const json: JsonValue = toJson(DriftReportRecordedSchema, body);
  if (!(await stores.watches.addReport(report.reportId, system.name, json))) return;
  await emit(events.driftReportRecorded, report.reportId, body);
}

const verdicts = {
  WORLD_CHANGED: ReviewVerdict.WORLD_CHANGED,
  DATA_BROKEN: ReviewVerdict.DATA_BROKEN,
  NO_CHANGE: ReviewVerdict.NO_CHANGE,
} as const;

async function tellReview(telling: Telling, system: System, reviewed: Reviewed): Promise<void> {
  const { context, stores, emit } = telling;
  const body = create(ReviewConcludedSchema, {
    reviewId: reviewed.reviewId,
    system: system.name,
    verdict: verdicts[reviewed.verdict],
    evidence: [...reviewed.evidence],
    reportId: reviewed.reportId,
    modelVersion: reviewed.modelVersion,
    dataTime: timestampFromMs(reviewed.dataTime),
  });
  const json = toJson(ReviewConcludedSchema, body);
  const isNew = await stores.watches.addReview(reviewed.reviewId, system.name, json, context.clock.now());
  if (!isNew) return;
  await emit(events.reviewConcluded, reviewed.reviewId, body);
  const alert = alertOf(system, reviewed);
  if (alert) await raise(telling, alert);
}

/** Somebody must act where the platform will not: broken data are repaired by people, and so is what may not retrain. */
function alertOf(
  system: System,
  { reviewId, verdict, modelVersion, evidence }: Reviewed,
): Raised | undefined {
  const isBroken = verdict === 'DATA_BROKEN';
  if (!isBroken && (verdict !== 'WORLD_CHANGED' || system.onDecay === 'retrain')) return undefined;
  return {
    alertId: uuidv5('alert', reviewId),
    system: system.name,
    kind: isBroken ? 'data-broken' : 'decay',
    text: `version ${modelVersion} of ${system.name} has decayed and ${
      isBroken ? 'its data are broken: repair the held rows' : `on-decay is ${system.onDecay}: retrain it`
    }. ${evidence.join('; ')}`,
  };
}

/** Raises an alert once, however often its reason comes. */
export async function raise({ context, stores, emit }: Telling, alert: Raised): Promise<void> {
  if (!(await stores.watches.addAlert(alert, context.clock.now()))) return;
  await emit(events.alertRaised, alert.alertId, alert);
}
