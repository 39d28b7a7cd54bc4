import { readFileSync } from 'node:fs';
import { mean, quantileSorted, standardDeviation } from '@perennial/stats';
import type { LabelledRow, Reference, WatchSettings } from '../../src/decide/model.js';
import {
  type Report,
  type Reviewed,
  rowsLookedBackOn,
  type Watch,
  watchRows,
} from '../../src/decide/watch.js';
import { boost, type Model } from './trees.js';

const names = ['temp_min', 'wind', 'precipitation', 'season', 'temp_max_yesterday', 'temp_max_7d'];
const holdOutRows = 14;
const betterBy = 0.05;

export interface Day {
  readonly date: number;
  readonly x: number[];
  readonly y: number;
}

/** Real days of Seattle with the features that the platform would serve that morning. */
export function daysOf(csv: URL): Day[] {
  const [head, ...lines] = readFileSync(csv, 'utf8').trim().split(/\r?\n/);
  const columns = (head as string).split(',');
  const raw = lines.map((line) => {
    const cells = line.split(',');
    return (name: string) => cells[columns.indexOf(name)] as string;
  });
  const labels = raw.map((cell) => Number(cell('temp_max')));
  return raw.map((cell, at) => {
    const date = Date.parse(cell('date').replaceAll('/', '-'));
    const week = labels.slice(Math.max(0, at - 7), at);
    return {
      date,
      x: [
        Number(cell('temp_min')),
        Number(cell('wind')),
        Number(cell('precipitation')),
        ((new Date(date).getUTCMonth() + 1) % 12) / 3,
        labels[at - 1] ?? Number.NaN,
        week.length ? mean(week) : Number.NaN,
      ],
      y: labels[at] as number,
    };
  });
}

interface Trained {
  readonly version: number;
  readonly model: Model;
  readonly reference: Reference;
  readonly evaluation: number;
}

export interface Outcome {
  readonly promotions: { day: number; version: number }[];
  readonly reviews: Reviewed[];
  readonly reports: Report[];
  readonly answers: { date: number; served: number; frozen: number; y: number }[];
}

export interface Policy {
  readonly settings: WatchSettings;
  /** Days from the training to the promotion; the last `canaryDays` of them every second answer is the candidate's. */
  readonly shadowDays: number;
  readonly canaryDays: number;
}

/** Plays the platform's loop from `from` on, day by day: answer, label, watch, retrain, gate, roll out. */
export function play(days: readonly Day[], from: number, to: number, policy: Policy): Outcome {
  const start = days.findIndex(({ date }) => date >= from);
  const frozen = trainedOn(days.slice(0, start), 1);
  const outcome: Outcome = { promotions: [], reviews: [], reports: [], answers: [] };
  let champion = frozen;
  let epoch = 1;
  let watch = freshWatch(champion, epoch);
  let rows: LabelledRow[] = [];
  let formerly: LabelledRow[] = [];
  let rollout: { candidate: Trained; day: number; reviewId: string } | undefined;
  const ended: string[] = [];
  let versions = 1;

  for (let at = start; at < days.length && (days[at] as Day).date < to; at++) {
    const day = days[at] as Day;
    let server = champion;
    if (rollout) {
      const age = at - rollout.day;
      if (age > policy.shadowDays + policy.canaryDays) {
        champion = rollout.candidate;
        epoch++;
        watch = freshWatch(champion, epoch);
        formerly = [...formerly, ...rows];
        rows = [];
        rollout = undefined;
        server = champion;
        outcome.promotions.push({ day: day.date, version: champion.version });
      } else if (age > policy.shadowDays && age % 2 === 0) server = rollout.candidate;
    }
    const served = server.model(day.x);
    outcome.answers.push({ date: day.date, served, frozen: frozen.model(day.x), y: day.y });
    if (server !== champion) continue;
    const row: LabelledRow = {
      eventTime: day.date,
      identity: '[]',
      label: day.y,
      answer: served,
      features: Object.fromEntries(names.map((name, i) => [name, day.x[i] as number])),
    };
    const watched = watchRows({
      settings: policy.settings,
      watch,
      reference: champion.reference,
      baseline: champion.evaluation,
      before: rows,
      rows: [row],
      formerly: formerly.slice(-rowsLookedBackOn(policy.settings.windowRows)),
      held: [],
      rollout: { isInFlight: rollout !== undefined, endedReviewIds: ended },
    });
    rows.push(row);
    watch = watched.watch;
    outcome.reports.push(...watched.reports);
    outcome.reviews.push(...watched.reviews);
    const changed = watched.reviews.find(({ verdict }) => verdict === 'WORLD_CHANGED');
    if (!changed || rollout) continue;
    const candidate = trainedOn(days.slice(0, at + 1), ++versions);
    const judged = days.slice(at + 1 - holdOutRows, at + 1);
    if (candidate.evaluation <= (1 - betterBy) * errorOn(judged, champion.model)) {
      rollout = { candidate, day: at, reviewId: changed.reviewId };
    } else ended.push(changed.reviewId);
  }
  return outcome;
}

export function errorOn(days: readonly Day[], model: Model): number {
  return mean(days.map(({ x, y }) => Math.abs(model(x) - y)));
}

function trainedOn(known: readonly Day[], version: number): Trained {
  const rows = known.slice(0, -holdOutRows);
  const model = boost(
    rows.map(({ x }) => x.map((value) => (Number.isNaN(value) ? -99 : value))),
    rows.map(({ y }) => y),
  );
  const reference: Reference = {
    rows: rows.length,
    features: Object.fromEntries(
      names.map((name, i) => [name, profileOf(rows.map(({ x }) => x[i] as number))]),
    ),
  };
  return { version, model, reference, evaluation: errorOn(known.slice(-holdOutRows), model) };
}

export function profileOf(values: readonly number[]) {
  const known = Float64Array.from(values.filter((value) => !Number.isNaN(value))).sort();
  return {
    kind: 'number' as const,
    quantiles: Array.from({ length: 101 }, (_, at) => quantileSorted(known, at / 100)),
    mean: mean(known),
    sd: standardDeviation(known),
    missing: 1 - known.length / values.length,
  };
}

function freshWatch({ version }: Trained, startEpoch: number): Watch {
  return { version, startEpoch, rows: 0, lastReview: undefined, ownBaseline: undefined };
}

/** The mean of the months' errors, as the closing table of the demo has it. */
export function meanOfMonths(outcome: Outcome, of: 'served' | 'frozen', from: string, to: string): number {
  const months = new Map<string, number[]>();
  for (const answer of outcome.answers) {
    const month = new Date(answer.date).toISOString().slice(0, 7);
    if (month < from || month > to) continue;
    months.set(month, [...(months.get(month) ?? []), Math.abs(answer[of] - answer.y)]);
  }
  return mean([...months.values()].map(mean));
}
