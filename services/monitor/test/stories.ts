import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { System } from '@perennial/spec';
import { dayMs, start } from './decide/rows.js';
import type { House } from './house.js';

export const yaml = (name: string, source = name, onDecay = 'retrain') => `
apiVersion: perennial/v1
kind: System
name: ${name}
source: { name: ${source}, time: date, key: [], schema: inferred }
label: { column: temp, task: regression, arrives: { within: 1d } }
features:
  - { name: warmth }
train: { trainer: gbdt, on: { window: all }, resources: { pool: cpu } }
gate: { metric: mae, hold-out: { last: 14 rows }, better-than-champion: { by: 5% } }
serve: { pool: cpu, rollout: { shadow: 2 predictions, canary: [50%], step: 3 predictions } }
monitor:
  window: 10 rows
  drift: { false-alarms: 1 per 1000 windows }
  decay: { metric: mae, worse-than: 30% }
on-decay: ${onDecay}
risk: { class: minimal }
`;

/** The truth is 10; answers err by 1 until day 12 and by 3 from then on. */
export const answerOf = (day: number) => 10 + (day < 12 ? 1 : 3) * (day % 2 ? 1 : -1);
export const dayOf = (time: Parameters<typeof timestampDate>[0] | undefined) =>
  time ? (timestampDate(time).getTime() - start) / dayMs : -1;

export async function champion(house: House, system: System): Promise<void> {
  await house.promote(system, 1, 1);
  await house.deploy(system, 1, 1);
}

/** What came of it, without the ids, which carry the system's name. */
export async function outcomeOf(house: House, name: string) {
  await house.settled();
  const { reviews } = await house.client.listReviews({ system: name });
  const { reports } = await house.client.listReports({ system: name });
  const { rows, predictions, failed, labelled } = await house.client.getQuality({ system: name });
  return {
    reviews: reviews.map(({ review }) => ({
      verdict: review?.verdict,
      day: dayOf(review?.dataTime),
      evidence: review?.evidence.map((text) => text.replaceAll(name, 'source')),
    })),
    reports: reports.map((report) => [
      dayOf(report.dataTimeFrom),
      dayOf(report.dataTimeTo),
      report.decay?.value,
    ]),
    quality: rows.map(({ month, answer, rows: count, value }) => ({ month, answer, rows: count, value })),
    counts: { predictions, failed, labelled },
  };
}
