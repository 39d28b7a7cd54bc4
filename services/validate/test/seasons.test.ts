import { timestampMs } from '@bufbuild/protobuf/wkt';
import { events, SegmentKind } from '@perennial/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inFahrenheit, labelColumns, rowColumns, seattle } from './decide/seattle.js';
import { type House, openHouse } from './house.js';

/** January 2012 to June 2013 as the seasons story sends them: a second producer for 20 days, in Fahrenheit. */
const rows = seattle(rowColumns).filter((row) => row.rowId < '2013-07-01');
const labels = seattle(labelColumns).filter((row) => row.rowId < '2013-07-01');
const wrong = rows.filter((row) => row.rowId >= '2013-02-10' && row.rowId <= '2013-03-01');
const source = 'weather';

let house: House;
/** History, then ten days a segment, and from February 2013 on a segment a day: each judged as rows one by one are. */
function segmentsOf(all: typeof rows): (typeof rows)[] {
  const history = all.filter((row) => row.rowId < '2012-04-01');
  const tens = all.filter((row) => row.rowId >= '2012-04-01' && row.rowId < '2013-02-01');
  const days = all.filter((row) => row.rowId >= '2013-02-01');
  const parts = Array.from({ length: Math.ceil(tens.length / 10) }, (_, i) =>
    tens.slice(i * 10, i * 10 + 10),
  );
  return [history, ...parts, ...days.map((day) => [day])];
}

beforeAll(async () => {
  house = await openHouse();
  const labelSegments = segmentsOf(labels);
  const startedAt = performance.now();
  for (const [i, segment] of segmentsOf(rows).entries()) {
    const isWrong = segment.some((row) => wrong.includes(row));
    const producer = isWrong ? 'garden-station' : 'weather-desk';
    const sent = isWrong ? segment.map((row) => inFahrenheit(row, 'temp_min')) : segment;
    await house.record({ source, producer, rows: sent });
    const late = labelSegments[i] ?? [];
    await house.record({ source, producer: 'weather-desk', kind: SegmentKind.LABELS, rows: late });
    // Days are settled one after the other, as the player has it.
    await house.settled();
  }
  console.log(
    `two segments and a look: ${((performance.now() - startedAt) / labelSegments.length).toFixed(1)} ms`,
  );
}, 240_000);
afterAll(() => house?.stop());

test('all 20 Fahrenheit rows are held, with the cause, the column, the producer and the first bad row, and nothing else', async () => {
  const held = house.told(events.segmentQuarantined);
  expect(wrong).toHaveLength(20);
  expect(held.map((one) => one.findings[0]?.firstRowId)).toEqual(wrong.map((row) => row.rowId));
  for (const one of held) {
    expect(one).toMatchObject({ producer: 'garden-station', rows: 1, source });
    expect(one.findings).toHaveLength(1);
    expect(one.findings[0]).toMatchObject({
      rule: 'unit-change',
      column: 'temp_min',
      producer: 'garden-station',
      suspectedCause: 'unit change suspected: Fahrenheit sent where Celsius was',
      suggestedExpression: '(temp_min - 32) / 1.8',
    });
  }
  const verified = house.told(events.segmentVerified);
  expect(verified.reduce((sum, one) => sum + one.rows, 0)).toBe(rows.length - 20 + labels.length);
});

test('the schema in force is an artifact under the digest that was told', async () => {
  const told = house.told(events.schemaAccepted).filter((one) => one.kind === SegmentKind.ROWS);
  const last = told.at(-1);
  const { version, schemaJson } = await house.client.getSchema({ source, kind: SegmentKind.ROWS });
  expect(version).toBe(last?.version);
  expect(told.map((one) => one.version)).toEqual(told.map((_, i) => i + 1));
  const stored = await house.artifacts.get(last?.digest as `sha256:${string}`);
  expect(new TextDecoder().decode(stored)).toBe(schemaJson);
  await expect(house.client.getSchema({ source: 'nowhere', kind: SegmentKind.ROWS })).rejects.toMatchObject({
    code: 'SCHEMA_NOT_FOUND',
  });
});

test('a segment that is told again is judged once', async () => {
  const [first] = house.told(events.segmentVerified);
  const before = house.told(events.segmentVerified).length;
  await house.repeat(first?.segmentId ?? '');
  await house.settled();
  expect(house.told(events.segmentVerified)).toHaveLength(before);
});

test('the quarantine shows entries and rows, and says what it does not know', async () => {
  const { entries } = await house.client.listQuarantine({ source });
  expect(entries).toHaveLength(20);
  const { entry, rows: shown } = await house.client.getQuarantine({
    quarantineId: entries[0]?.quarantineId ?? '',
  });
  expect(entry).toMatchObject({ status: 'held', rows: 1, producer: 'garden-station' });
  expect(shown[0]).toMatchObject({
    _p_row_id: '2013-02-10',
    _p_event_time: '2013-02-10',
    _p_held_for: ['unit-change temp_min'],
    temp_min: inFahrenheit(wrong[0] as (typeof wrong)[number], 'temp_min').values['temp_min'],
  });
  await expect(house.client.getQuarantine({ quarantineId: 'no-such' })).rejects.toMatchObject({
    code: 'QUARANTINE_NOT_FOUND',
    field: 'quarantine_id',
  });
});

test('a repair that cannot work changes nothing and says why', async () => {
  const repair = (fields: object) =>
    house.client.repairQuarantine({
      source,
      column: 'temp_min',
      expression: 'temp_min',
      repairedBy: 'me',
      ...fields,
    });
  await expect(repair({ expression: '(temp_mim - 32) / 1.8' })).rejects.toMatchObject({
    code: 'REPAIR_COLUMN_UNKNOWN',
    field: 'expression',
    message: expect.stringContaining('"temp_mim"; they have date, temp_min'),
  });
  await expect(repair({ column: 'temp' })).rejects.toMatchObject({
    code: 'REPAIR_COLUMN_UNKNOWN',
    field: 'column',
  });
  await expect(repair({ expression: '(temp_min - ' })).rejects.toMatchObject({ code: 'EXPRESSION_INVALID' });
  await expect(repair({ expression: 'weather' })).rejects.toMatchObject({ code: 'REPAIR_EXPRESSION_FAILED' });
  await expect(repair({ source: 'nowhere' })).rejects.toMatchObject({ code: 'QUARANTINE_NOT_FOUND' });
  const wrongWay = await repair({ expression: 'temp_min * 10' });
  expect(wrongWay).toMatchObject({ entries: 0, rowsRepaired: 0, rowsStillHeld: 20 });
  expect(wrongWay.findings[0]).toMatchObject({ column: 'temp_min', producer: 'garden-station' });
  await house.settled();
  expect(house.told(events.segmentRepaired)).toEqual([]);
  expect((await house.client.listQuarantine({ source })).entries).toHaveLength(20);
});

test('the declared expression brings all 20 back in the order of their days, and twice is once', async () => {
  const repair = () =>
    house.client.repairQuarantine({
      source,
      producer: 'garden-station',
      column: 'temp_min',
      expression: '(temp_min - 32) / 1.8',
      repairedBy: 'operator',
    });
  const answer = await repair();
  expect(answer).toMatchObject({ entries: 20, rowsRepaired: 20, rowsStillHeld: 0, findings: [] });
  expect(await repair()).toMatchObject({ entries: 0, rowsRepaired: 0, rowsStillHeld: 0 });
  await house.settled();
  const back = house.told(events.segmentVerified).filter((one) => one.repairId !== '');
  expect(back.map((one) => one.eventTimeMin && timestampMs(one.eventTimeMin))).toEqual(
    wrong.map((row) => row.eventTime),
  );
  expect(new Set(back.map((one) => one.repairId))).toEqual(new Set([answer.repairId]));
  for (const [i, one] of back.entries()) {
    const [row] = await house.rowsOf(one.digest);
    expect(row).toMatchObject({ _p_row_id: wrong[i]?.rowId, wind: wrong[i]?.values['wind'] });
    expect(row?.['temp_min']).toBeCloseTo(Number(wrong[i]?.values['temp_min']), 1);
  }
  const repaired = house.told(events.segmentRepaired);
  expect(repaired).toHaveLength(20);
  expect(repaired[0]).toMatchObject({ rows: 1, repairedBy: 'operator', column: 'temp_min' });
  expect((await house.client.listQuarantine({ source })).entries).toEqual([]);
  const { entries } = await house.client.listQuarantine({ source, includeRepaired: true });
  expect(entries.map((one) => [one.status, one.repairId])).toEqual(
    Array.from({ length: 20 }, () => ['repaired', answer.repairId]),
  );
});
