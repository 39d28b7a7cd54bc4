import { events, SegmentKind } from '@perennial/contracts';
import { waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type House, openHouse } from './house.js';

let house: House;
beforeAll(async () => {
  house = await openHouse();
}, 60_000);
afterAll(() => house?.stop());

const hour = 3_600_000;
const of = (source: string) => ({ source, kind: SegmentKind.ROWS });
let sent = 0;

/** Sends rows of a source, one an hour, and waits until they are judged. */
async function send(
  source: string,
  rows: readonly Record<string, string | number | null>[],
): Promise<string> {
  const segmentId = await house.record({
    ...{ source, producer: 'till' },
    rows: rows.map((values) => ({ rowId: `${source}-${sent}`, eventTime: sent++ * hour, values })),
  });
  await house.settled();
  return segmentId;
}

const accept = (source: string, schema: string) =>
  house.schemas.acceptSchema({
    of: of(source),
    schema: `apiVersion: perennial/v1\nkind: Schema\nsource: ${source}\n${schema}`,
    acceptedBy: 'ann',
  });
const price = (i: number) => 10 + (i % 9) / 2;
const prices = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ price: price(i), items: 1 + (i % 3) }));

test('a written rule holds its row, is kept with it, and after the schema changed the row passes as it came', async () => {
  await send('shop', prices(40));
  await accept(
    'shop',
    `columns:
  price: { type: number }
  items: { type: number }
rules:
  - { name: cheap, expr: price < 12, when: items = 1, severity: quarantine }
  - { name: few, expr: items < 3, severity: warn }
`,
  );
  const segmentId = await send('shop', [
    { price: 11, items: 1 },
    { price: 13, items: 1 },
    { price: 13, items: 3 },
  ]);
  const [entry] = (await house.client.listQuarantine({ source: 'shop' })).entries;
  expect(entry).toMatchObject({ rows: 1, status: 'held' });
  expect(entry?.findings).toMatchObject([
    {
      ...{ rule: 'cheap', type: 'ROW_RULE_BROKEN', severity: 'quarantine', column: 'price', rows: 1 },
      evidence: 'price is 13; expected is price < 12',
    },
  ]);
  const { rows } = await house.client.getQuarantine({ quarantineId: entry?.quarantineId ?? '' });
  expect(rows[0]).toMatchObject({ price: 13, _p_held_for: ['cheap price'] });
  const warned = house.told(events.segmentVerified).find((one) => one.segmentId === segmentId);
  expect(warned?.findings).toMatchObject([{ rule: 'few', severity: 'warn', rows: 1 }]);
  const { anomalies } = await house.client.listAnomalies({ ...of('shop'), type: 'ROW_RULE_BROKEN' });
  expect(anomalies.map(({ finding }) => [finding?.rule, finding?.severity]).sort()).toEqual([
    ['cheap', 'quarantine'],
    ['few', 'warn'],
  ]);
  const again = () => house.client.revalidateQuarantine({ source: 'shop', revalidatedBy: 'ann' });
  expect(await again()).toMatchObject({ entries: 0, rowsVerified: 0, rowsStillHeld: 1 });
  await accept(
    'shop',
    `columns:
  price: { type: number }
  items: { type: number }
rules:
  - { name: cheap, expr: price < 20, when: items = 1, severity: quarantine }
`,
  );
  expect(await again()).toMatchObject({ entries: 1, rowsVerified: 1, rowsStillHeld: 0 });
  await house.settled();
  const back = house.told(events.segmentVerified).at(-1);
  expect(await house.rowsOf(back?.digest ?? '')).toMatchObject([{ price: 13, items: 1 }]);
  expect(house.told(events.segmentRepaired).at(-1)).toMatchObject({
    action: 'revalidate',
    repairedBy: 'ann',
  });
});

test('a rule that holds its segment holds all of it; a release lets it through with its reason, and is learned from', async () => {
  await send('desk', prices(40));
  await accept(
    'desk',
    `columns:
  price: { type: number, range: { high: 15 }, severity: { range: hold } }
  items: { type: number }
`,
  );
  const before = house.told(events.segmentVerified).length;
  await send('desk', [
    { price: 11, items: 1 },
    { price: 99, items: 1 },
  ]);
  expect(house.told(events.segmentVerified)).toHaveLength(before);
  const [entry] = (await house.client.listQuarantine({ source: 'desk' })).entries;
  expect(entry).toMatchObject({ rows: 2, findings: [{ rule: 'range', severity: 'hold', rows: 1 }] });
  const release = (reason: string) =>
    house.client.releaseQuarantine({ source: 'desk', releasedBy: 'ann', reason });
  await expect(release(' ')).rejects.toMatchObject({ code: 'QUARANTINE_REASON', field: 'reason' });
  expect(await release('a gold edition')).toMatchObject({ entries: 1, rowsReleased: 2, rowsStillHeld: 0 });
  expect(await release('a gold edition')).toMatchObject({ entries: 0, rowsReleased: 0 });
  await house.settled();
  expect(house.told(events.segmentRepaired).at(-1)).toMatchObject({
    ...{ action: 'release', reason: 'a gold edition', rows: 2 },
  });
  const { entries } = await house.client.listQuarantine({ source: 'desk', includeRepaired: true });
  expect(entries.map(({ status }) => status)).toEqual(['released']);
});

test('what is given up never comes back, and is counted with its reason', async () => {
  await send('bin', prices(40));
  await send('bin', [{ price: 1e9, items: 1 }]);
  const discard = () =>
    house.client.discardQuarantine({ source: 'bin', discardedBy: 'ann', reason: 'a broken till' });
  expect(await discard()).toMatchObject({ entries: 1, rows: 1 });
  expect(await discard()).toMatchObject({ entries: 0, rows: 0 });
  await house.settled();
  expect(house.told(events.segmentDiscarded)).toMatchObject([{ rows: 1, reason: 'a broken till' }]);
  const [entry] = (await house.client.listQuarantine({ source: 'bin', includeRepaired: true })).entries;
  expect(entry).toMatchObject({ status: 'discarded', findings: [{ rule: 'range' }] });
  const shown = await house.client.getQuarantine({ quarantineId: entry?.quarantineId ?? '' });
  expect(shown.rows).toEqual([]);
  const release = house.client.releaseQuarantine({ source: 'bin', releasedBy: 'ann', reason: 'wanted back' });
  expect(await release).toMatchObject({ entries: 0 });
});

test('a row whose key is in no row of another source is held, until that row has come', async () => {
  await send('goods', [{ sku: 'apple' }, { sku: 'pear' }]);
  await send('order', [{ sku: 'apple', items: 1 }]);
  await accept(
    'order',
    `columns:
  sku: { type: text }
  items: { type: number }
rules:
  - { name: known, references: { columns: [sku], source: goods }, severity: quarantine }
`,
  );
  await send('order', [
    { sku: 'pear', items: 2 },
    { sku: 'fig', items: 1 },
  ]);
  const [entry] = (await house.client.listQuarantine({ source: 'order' })).entries;
  expect(entry?.findings).toMatchObject([{ rule: 'known', type: 'REFERENCE_MISSING', rows: 1 }]);
  await send('goods', [{ sku: 'fig' }]);
  const again = await house.client.revalidateQuarantine({ source: 'order', revalidatedBy: 'ann' });
  expect(again).toMatchObject({ rowsVerified: 1, rowsStillHeld: 0 });
});

test('what a set shows is told as an event of its own, and held where somebody said so', async () => {
  await send('gauge', prices(40));
  const schema = (severity: string) => `columns:
  price: { type: number }
  items: { type: number, drift: { l-infinity: 0.2 }, severity: { drift: ${severity} } }
dataset: { rows: { min: 2 }, severity: { rows: hold } }
`;
  await accept('gauge', schema('warn'));
  await send(
    'gauge',
    prices(40).map((row) => ({ ...row, items: 1 })),
  );
  const told = house.told(events.anomalyFound).filter(({ source }) => source === 'gauge');
  expect(told.map(({ finding }) => [finding?.type, finding?.column, finding?.severity])).toEqual([
    ['COMPARATOR_L_INFTY_HIGH', 'items', 'warn'],
  ]);
  expect((await house.client.listQuarantine({ source: 'gauge' })).entries).toEqual([]);
  await send('gauge', [{ price: 11, items: 1 }]);
  const [entry] = (await house.client.listQuarantine({ source: 'gauge' })).entries;
  expect(entry?.findings).toMatchObject([
    { rule: 'rows', type: 'DATASET_LOW_NUM_EXAMPLES', severity: 'hold' },
  ]);
});

test('rows can be asked about before they are sent, and nothing is kept of them', async () => {
  await send('ask', prices(40));
  const check = (rows: Record<string, number>[], environment = '') =>
    house.client.checkRows({ ...of('ask'), rows, environment });
  const answer = await check([
    { price: 11, items: 1 },
    { price: 1e9, items: 2 },
  ]);
  expect(answer).toMatchObject({ rowsChecked: 2, rowsHeld: 1 });
  expect(answer.findings.map(({ type }) => type)).toEqual(['FLOAT_TYPE_BIG_FLOAT']);
  await expect(check([], '')).rejects.toMatchObject({ code: 'ANOMALY_ROWS' });
  await expect(check([{ price: 1 }], 'moon')).rejects.toMatchObject({ code: 'ANOMALY_ENVIRONMENT' });
  expect((await house.client.listAnomalies(of('ask'))).anomalies).toEqual([]);
});

test('a source that fell silent is told once, until a row comes', async () => {
  await send('clock', prices(40));
  await accept(
    'clock',
    `columns:
  price: { type: number }
  items: { type: number }
dataset: { freshness: { within: 1h } }
`,
  );
  const silences = () => house.told(events.anomalyFound).filter(({ source }) => source === 'clock');
  await waitFor('the silence to be told', () => silences().length > 0);
  expect(silences()).toMatchObject([{ producer: '', finding: { type: 'SOURCE_SILENT', severity: 'warn' } }]);
  await send('clock', prices(1));
  await waitFor('the next silence to be told', () => silences().length > 1);
  const { anomalies } = await house.client.listAnomalies({ ...of('clock'), type: 'freshness' });
  expect(anomalies).toHaveLength(2);
});
