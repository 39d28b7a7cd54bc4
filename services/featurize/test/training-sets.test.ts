import { realData, waitFor, withoutRealData } from '@perennial/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { House, type Rows } from './house.js';

const hours = realData('bike_sharing/hour.csv');
const system = 'bikes';
const yaml = (train: string) => `
apiVersion: perennial/v1
kind: System
name: ${system}
source: { name: hires, time: at, key: [] }
label: { name: bikes, expr: cnt, task: regression }
features:
  - { name: hr }
  - { name: temp }
  - { name: hum }
  - { name: casual }
  - { name: registered }
  - { name: bikes_day, from: { expr: cnt }, window: 24h, as: mean }
train: { ${train} }
gate: { metric: mae, hold-out: { last: 100 rows } }
monitor: { window: 100 rows, decay: { metric: mae, worse-than: 10% } }
`;
const rowsMax = 3_000;

let house: House;
let rows: Rows;
beforeAll(async () => {
  if (!hours) return;
  house = await House.open();
  const cells = await house.tables.rows(
    `select strftime(dteday + to_hours(hr), '%Y-%m-%dT%H:%M:%SZ') as "at", hr::double as hr, temp, hum, casual::double as casual, ` +
      `registered::double as registered, cnt::double as cnt from read_csv($hours) order by "at" limit ${rowsMax}`,
    { hours },
  );
  rows = cells.map((values, index) => ({ id: `h/${index}`, time: String(values['at']), values }));
  await house.apply(yaml('leaks: refuse'));
  for (let first = 0; first < rowsMax; first += 1_000)
    await house.verified(await house.segment('hires', 'rows', rows.slice(first, first + 1_000)));
  await house.settled('hires', { rows: rowsMax });
});
afterAll(() => house?.close());

describe.skipIf(!hours)(`a training set of bike sharing (${hours ? 'real rows' : withoutRealData})`, () => {
  it('whose label is the sum of two features is refused before anything is trained, where the system says so', async () => {
    await house.request(system);
    await waitFor(
      'the refusal and the warning',
      () => house.refused.length === 1 && house.leaks.length === 1,
    );
    expect(house.refused[0]?.reason).toContain('bikes = registered + casual');
    expect(house.refused[0]?.reason).toContain('Leave out registered, casual');
    expect(house.leaks[0]).toMatchObject({
      system,
      systemVersion: 1,
      refused: true,
      rows: BigInt(rowsMax - 100),
    });
    expect(house.leaks[0]?.leaks).toMatchObject([{ kind: 'composed', features: ['registered', 'casual'] }]);
    const { reports } = await house.features.listLeaks({ system });
    expect(reports).toMatchObject([
      { answer: 'refused', leaks: [{ relation: 'bikes = registered + casual' }] },
    ]);
    expect(house.made).toEqual([]);
    const { datasets } = await house.features.listDatasets({ system, all: true });
    expect(datasets).toMatchObject([{ status: 'refused', leaks: 2 }]);
    await expect(
      house.features.exportTrainingSet({ datasetId: datasets[0]?.datasetId ?? '' }),
    ).rejects.toMatchObject({ code: 'TRAINING_SET_NOT_MADE' });
  });

  it('is made all the same where it says that a warning is enough, and told of', async () => {
    await house.apply(yaml('leaks: warn'), 2);
    await house.request(system, { systemVersion: 2 });
    await waitFor(
      'the training set and the warning',
      () => house.made.length === 1 && house.leaks.length === 2,
    );
    expect(house.leaks[1]).toMatchObject({ systemVersion: 2, refused: false });
  });

  it('is made again byte by byte out of its manifest, also after more rows came', async () => {
    const { datasetId, trainingRows, holdoutRows } = house.made[0] as (typeof house.made)[number];
    const late = rows.slice(-1).map((row) => ({ ...row, id: 'late' }));
    await house.verified(await house.segment('hires', 'rows', late));
    await house.settled('hires', { rows: rowsMax + 1 });
    const { dataset, manifestJson, leaks } = await house.features.getTrainingSet({ datasetId });
    expect(dataset).toMatchObject({ datasetId, status: 'made', systemVersion: 2, leaks: 2 });
    expect(JSON.parse(manifestJson)).toMatchObject({
      kind: 'perennial/dataset-manifest/v1',
      systemVersion: 2,
      training: { rows: trainingRows },
    });
    expect((JSON.parse(manifestJson) as { segments: unknown[] }).segments).toHaveLength(3);
    expect(leaks).toHaveLength(1);
    expect(await house.features.reproduceTrainingSet({ datasetId })).toMatchObject({
      isSame: true,
      reason: '',
      trainingDigest: dataset?.trainingDigest,
      manifestDigest: dataset?.manifestDigest,
    });
    const { digest, rows: exported } = await house.features.exportTrainingSet({ datasetId });
    expect(exported).toBe(trainingRows + holdoutRows);
    expect(await house.rowsOf(digest)).toHaveLength(exported);
  });

  it('that nobody asked for is not there, and a part that there is not is refused', async () => {
    await expect(house.features.getTrainingSet({ datasetId: 'none' })).rejects.toMatchObject({
      code: 'TRAINING_SET_NOT_FOUND',
    });
    const { datasetId } = house.made[0] as (typeof house.made)[number];
    await expect(house.features.exportTrainingSet({ datasetId, part: 'half' })).rejects.toMatchObject({
      code: 'PART_UNKNOWN',
    });
  });

  it('can be looked through for leaks at any time', async () => {
    const found = await house.features.checkLeaks({ system });
    expect(found).toMatchObject({ systemVersion: 2, rows: BigInt(rowsMax + 1) });
    expect(found.leaks.map(({ relation }) => relation)).toEqual(['bikes = registered + casual']);
  });
});
