import { waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exampleYaml, House, type Row, type Rows, seattleDays } from './house.js';

const system = 'seattle-temperature';
const days = seattleDays(150);
const history = days.slice(0, 91);
const played = days.slice(91, 121);

const rowOf = (day: Row): Rows[number] => {
  const { temp_max: _, ...values } = day;
  return { id: `row-${day['date']}`, time: String(day['date']), values };
};
const labelOf = ({ date, temp_max }: Row): Rows[number] => ({
  id: `label-${date}`,
  time: String(date),
  values: { date: date as string, temp_max: temp_max as number },
});
/** What an app knows in the morning. */
const askedOf = ({ date, temp_min, wind, precipitation }: Row): Row =>
  ({ date, temp_min, wind, precipitation }) as Row;

let house: House;
const served: { date: string; features: Record<string, unknown> }[] = [];

beforeAll(async () => {
  house = await House.open();
});
afterAll(() => house?.close());

/** The features of the rows that were served, offline. */
async function offlineFeatures(): Promise<Map<string, Record<string, unknown>>> {
  return new Map(
    (await house.exported(system)).map((row) => {
      const { _p_row_id, _p_event_time, temp_max: _, ...features } = row;
      return [new Date(Number(_p_event_time)).toISOString().slice(0, 10), features];
    }),
  );
}

// One story, told in order on one platform.
describe('featurize', () => {
  it('sees what came before the system was applied', async () => {
    await house.verified(
      await house.segment('weather', 'rows', history.map(rowOf)),
      await house.segment('weather', 'labels', history.map(labelOf)),
    );
    await house.settled('weather', { rows: 91, labels: 91 });
    await house.apply(exampleYaml(system));
    await waitFor('the system', () => house.online(system, [{}]).catch(() => undefined));
    await house.settled('weather', { rows: 91, labels: 91 });
    const [features] = await house.online(system, [askedOf(days[91] as Row)]);
    const week = history.slice(-7).map((day) => day['temp_max'] as number);
    expect(features).toMatchObject({
      temp_min: days[91]?.['temp_min'],
      season: 4 / 3,
      temp_max_yesterday: week.at(-1),
    });
    expect(features?.['temp_max_7d']).toBeCloseTo(week.reduce((a, b) => a + b) / 7, 12);
  });

  it('serves day by day to the last bit what it computes offline later, also across a restart', async () => {
    let rows = 91;
    for (const [index, day] of played.entries()) {
      await house.verified(await house.segment('weather', 'rows', [rowOf(day)]));
      rows += 1;
      await house.settled('weather', { rows, labels: rows - 1 });
      if (index === 15) {
        await house.stop();
        await house.start();
      }
      const [features] = await house.online(system, [askedOf(day)]);
      served.push({ date: String(day['date']), features: features ?? {} });
      await house.verified(await house.segment('weather', 'labels', [labelOf(day)]));
      await house.settled('weather', { rows, labels: rows });
    }
    const offline = await offlineFeatures();
    expect(served).toEqual(served.map(({ date }) => ({ date, features: offline.get(date) })));
  });

  it('changes nothing when segments are told twice and out of order', async () => {
    const before = await offlineFeatures();
    const later = days.slice(121, 126);
    const labels = await Promise.all(later.map((day) => house.segment('weather', 'labels', [labelOf(day)])));
    const rows = await Promise.all(later.map((day) => house.segment('weather', 'rows', [rowOf(day)])));
    await house.verified(...labels.toReversed(), ...rows.toReversed(), ...labels, ...rows);
    await house.settled('weather', { rows: 126, labels: 126 });
    const offline = await offlineFeatures();
    for (const [date, features] of before) expect(offline.get(date)).toEqual(features);
    const online = await house.online(system, later.map(askedOf));
    expect(online).toEqual(later.map(({ date }) => offline.get(String(date))));
  });

  it('answers rows of long ago from the segments, as it does offline', async () => {
    const offline = await offlineFeatures();
    const old = [days[3], days[40], days[0]] as Row[];
    expect(await house.online(system, old.map(askedOf))).toEqual(
      old.map(({ date }) => offline.get(String(date))),
    );
  });

  it('lets the later of two labels for one day win', async () => {
    const date = String(days[125]?.['date']);
    const corrected = labelOf({ ...(days[125] as Row), temp_max: 99.5 });
    await house.verified(await house.segment('weather', 'labels', [corrected]));
    await house.settled('weather', { rows: 126, labels: 127 });
    const [features] = await house.online(system, [askedOf(days[126] as Row)]);
    expect(features?.['temp_max_yesterday']).toBe(99.5);
    const exported = await house.exported(system);
    const labels = exported.filter(({ _p_event_time }) =>
      new Date(Number(_p_event_time)).toISOString().startsWith(date),
    );
    expect(labels.map((row) => row['temp_max'])).toEqual([99.5]);
    await house.verified(await house.segment('weather', 'labels', [labelOf(days[125] as Row)]));
    await house.settled('weather', { rows: 126, labels: 128 });
  });

  it('takes what the client sends, says so, and refuses what it cannot use', async () => {
    const [row] = (
      await house.features.getOnline({ system, rows: [{ temp_min: 3, season: 0.5, temp_max_7d: null }] })
    ).rows;
    expect(row?.features).toMatchObject({ temp_min: 3, season: 0.5, temp_max_7d: null, wind: null });
    expect(row?.provided).toEqual(['temp_min', 'season', 'temp_max_7d']);
    // Without an event time it is just after the newest data.
    expect(row?.features?.['temp_max_yesterday']).toBe(days[125]?.['temp_max']);
    const asked = (rows: Row[], name = system) => house.features.getOnline({ system: name, rows });
    await expect(asked([{ date: 'soon' }])).rejects.toMatchObject({
      code: 'EVENT_TIME_INVALID',
      field: 'rows[0].date',
    });
    await expect(asked([{ date: 1e300 }])).rejects.toMatchObject({ code: 'EVENT_TIME_INVALID' });
    await expect(asked([{ wind: [1] as unknown as string }])).rejects.toMatchObject({
      code: 'FEATURE_VALUE_INVALID',
    });
    await expect(asked(Array.from({ length: 1001 }, () => ({})))).rejects.toMatchObject({
      code: 'ROWS_TOO_MANY',
    });
    await expect(asked([{}], 'unknown')).rejects.toMatchObject({ code: 'SYSTEM_NOT_FOUND' });
  });

  it('makes a training set of all labelled rows but the held-out last ones, the same bytes each time', async () => {
    const [first, second] = [await house.request(system), await house.request(system)];
    await waitFor('two training sets', () => house.made.length === 2);
    const [one, two] = [first, second].map((id) => house.made.find(({ rolloutId }) => rolloutId === id));
    expect(one).toMatchObject({
      system,
      systemVersion: 1,
      trainingRows: 112,
      holdoutRows: 14,
      champion: { version: 3, digest: 'sha256:champion' },
    });
    expect(one?.datasetId).not.toBe(two?.datasetId);
    for (const digest of ['trainingDigest', 'holdoutDigest', 'manifestDigest'] as const) {
      expect(one?.[digest]).toBe(two?.[digest]);
    }
    const training = await house.rowsOf(one?.trainingDigest ?? '');
    const holdout = await house.rowsOf(one?.holdoutDigest ?? '');
    expect([training.length, holdout.length]).toEqual([112, 14]);
    expect(Object.keys(training[0] ?? {})).toEqual([
      '_p_row_id',
      '_p_event_time',
      'temp_min',
      'wind',
      'precipitation',
      'season',
      'temp_max_yesterday',
      'temp_max_7d',
      'temp_max',
    ]);
    expect([...training, ...holdout].map((row) => row['temp_max'])).toEqual(
      days.slice(0, 126).map((day) => day['temp_max']),
    );
    const manifest = JSON.parse(
      new TextDecoder().decode(await house.artifacts.get(one?.manifestDigest as `sha256:${string}`)),
    );
    expect(manifest).toMatchObject({
      kind: 'perennial/dataset-manifest/v1',
      system,
      label: 'temp_max',
      training: { digest: one?.trainingDigest, rows: 112 },
    });
    expect(manifest.segments).toHaveLength(36);
    const { datasets } = await house.features.listDatasets({ system });
    expect(datasets.map(({ rolloutId }) => rolloutId).sort()).toEqual([first, second].sort());
  });

  it('refuses a training set that would be too small, with the numbers, and one of a column that nobody sends', async () => {
    await house.apply(exampleYaml(system).replace('last: 14 rows', 'last: 120 rows'), 2);
    await house.request(system, { systemVersion: 2 });
    await waitFor('the first refusal', () => house.refused.length === 1);
    expect(house.refused[0]?.reason).toContain('126 of the 126 verified rows have a label');
    expect(house.refused[0]?.reason).toContain('last 120 and at least 10');
    await house.apply(exampleYaml(system).replace('name: wind', 'name: wnd'), 3);
    await house.request(system, { systemVersion: 3 });
    await waitFor('the second refusal', () => house.refused.length === 2);
    expect(house.refused[1]?.reason).toContain('has the column "wnd"');
  });
});
