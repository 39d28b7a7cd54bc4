import { waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { House, type Row, type Rows } from './house.js';

const system = 'stations';
const yaml = `
apiVersion: perennial/v1
kind: System
name: ${system}
source: { name: readings, time: at, key: [station, sensor] }
label: { column: broke, task: classification, arrives: { within: 1h } }
features:
  - { name: load }
  - { name: broke_before, from: broke, window: { last: 3 }, as: sum }
  - { name: broke_at_station, from: broke, window: 3h, by: [station], as: mean }
  - { name: readings, from: load, window: 2h, as: count }
gate: { metric: auc, hold-out: { last: 20 rows } }
monitor: { window: 20 rows, decay: { metric: auc, worse-than: 10% } }
`;

const hours = 40;
const things = [
  { station: 'a', sensor: 1 },
  { station: 'a', sensor: 2 },
  { station: 'b "quoted"', sensor: 1 },
];
const timeOf = (hour: number) =>
  new Date(Date.parse('2024-03-01T00:00:00Z') + hour * 3_600_000).toISOString();
const keyOf = (hour: number, thing: number): Row => ({ at: timeOf(hour), ...(things[thing] as Row) });
const each = (make: (hour: number, thing: number) => Rows[number]): Rows =>
  Array.from({ length: hours }, (_, hour) => things.map((_, thing) => make(hour, thing))).flat();
const rows = each((hour, thing) => ({
  id: `r/${hour}/${thing}`,
  time: timeOf(hour),
  // A reading without its value is no reading.
  values: { ...keyOf(hour, thing), load: (hour + thing) % 7 === 0 ? null : Math.sin(hour * 3 + thing) },
}));
const labels = each((hour, thing) => ({
  id: `l/${hour}/${thing}`,
  time: timeOf(hour),
  values: { ...keyOf(hour, thing), broke: (hour * 5 + thing) % 4 === 0 },
}));

let house: House;
beforeAll(async () => {
  house = await House.open();
  await house.apply(yaml);
  await waitFor('the system', () => house.online(system, [{}]).catch(() => undefined));
});
afterAll(() => house?.close());

describe('a source with a key', () => {
  it('joins labels that came first, each to its own row, and answers as it computes offline', async () => {
    await house.verified(await house.segment('readings', 'labels', labels));
    await house.verified(await house.segment('readings', 'rows', rows));
    await house.settled('readings', { rows: rows.length, labels: labels.length });
    const exported = await house.exported(system);
    expect(exported.map((row) => [row['_p_row_id'], row['broke']]).sort()).toEqual(
      rows.map(({ id }, index) => [id, Number(labels[index]?.values['broke'])]).sort(),
    );
    const asked = rows.slice(-24);
    const offline = new Map(
      exported.map(({ _p_row_id, _p_event_time, broke: _, ...features }) => [_p_row_id, features]),
    );
    const answer = await house.features.getOnline({
      system,
      rows: asked.map(({ values }) => ({ ...values, at: String(values['at']) })),
    });
    expect(answer.rows.map(({ features }) => features)).toEqual(asked.map(({ id }) => offline.get(id)));
    expect(answer.rows.at(-1)?.key).toEqual(things[2]);
    expect(offline.get('r/39/0')?.['broke_before']).toBe(
      [36, 37, 38].filter((hour) => (hour * 5) % 4 === 0).length,
    );
  });

  it('refuses to train on a span that holds too little, naming span and numbers', async () => {
    await house.apply(
      yaml
        .replace(
          'monitor:',
          'train: { on: { from: 2024-03-01T00:30:00Z, to: 2024-03-01T03:00:00Z } }\nmonitor:',
        )
        .replace('last: 20', 'last: 1'),
      2,
    );
    await house.request(system, { systemVersion: 2 });
    await waitFor('the refusal', () => house.refused.length === 1);
    expect(house.refused[0]?.reason).toContain('6 of the 6 verified rows from 2024-03-01T00:30:00Z');
  });
});
