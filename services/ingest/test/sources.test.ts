import { readFileSync } from 'node:fs';
import path from 'node:path';
import { publishRaw } from '@perennial/bus';
import { events, SegmentKind } from '@perennial/contracts';
import { canonicalSystem, parseSystem } from '@perennial/spec';
import { openTables, quoteText } from '@perennial/tables';
import { tempDir, waitFor } from '@perennial/testkit';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type House, openHouse, systemYaml } from './house.js';

let house: House;
beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house?.stop());

async function parquetOf(dates: readonly string[]): Promise<Buffer> {
  const tables = await openTables({});
  const file = path.join(tempDir('dates'), 'rows.parquet');
  const values = dates.map((date) => `(timestamp ${quoteText(date)})`).join(', ');
  await tables.run(
    `copy (select * from (values ${values}) as rows(date)) to ${quoteText(file)} (format parquet)`,
  );
  await tables.close();
  return readFileSync(file);
}

const line = (date: string, more = '') => `{"date":"${date}"${more}}\n`;

test('rows come to a source that only its document describes, over the bus and by file', async () => {
  const subject = 'rows.default.meters.desk';
  await publishRaw(house.bus, { subject, body: '{"at":"2024-01-01","kw":1}', id: 'early' });
  await house.declare('meters', 'time: at\nkey: [meter]');
  await waitFor('the row that waited', async () => (await house.rows('meters')).length === 1);
  const answer = await house.publish('at,kw\n2024-01-02,2\n', { source: 'meters', format: 'csv' });
  expect(answer).toMatchObject({ taken: 1, refused: 0 });
  const { summary, declaredBy } = await house.ingest.getSource({ source: 'meters' });
  expect(summary).toMatchObject({ rows: 2n, timeColumn: 'at', key: ['meter'], version: 1, systems: [] });
  expect(declaredBy).toBe('somebody');
});

test('the same document again changes nothing, another one is a further version', async () => {
  const apply = (documentYaml: string, dryRun = false) =>
    house.ingest.applySource({ documentYaml, appliedBy: 'me', dryRun });
  const yaml = 'apiVersion: perennial/v1\nkind: Source\nname: again\ntime: date\n';
  expect(await apply(yaml, true)).toMatchObject({ version: 0, created: true });
  expect(await apply(yaml)).toMatchObject({ version: 1, created: true });
  expect(await apply(`# by hand\n${yaml}`)).toMatchObject({ version: 1, created: false, changes: [] });
  const changed = await apply(`${yaml}key: [a]\n`);
  expect(changed).toMatchObject({ version: 2, changes: [{ path: 'key', fromJson: '[]', toJson: '["a"]' }] });
  await expect(apply(`${yaml}keys: [a]\n`)).rejects.toMatchObject({
    code: 'SPEC_INVALID',
    message: expect.stringContaining('keys'),
  });
});

test('a system and a document that contradict each other are refused by the field, whichever came first', async () => {
  await house.declare('rivals', 'time: at');
  const specYaml = systemYaml('rivals');
  await expect(house.ingest.checkSystem({ specYaml })).rejects.toMatchObject({
    code: 'SOURCE_CONFLICT',
    field: 'source.time',
    message: expect.stringMatching(/"date".*"at"/s),
  });
  await house.ingest.checkSystem({ specYaml: systemYaml('nobody-declared') });
  await house.apply('systems-first');
  await waitFor('the system', async () =>
    (await house.ingest.listSources({})).sources.some(({ source }) => source === 'systems-first'),
  );
  await expect(house.declare('systems-first', 'time: at')).rejects.toMatchObject({ code: 'SOURCE_CONFLICT' });
  await house.declare('systems-first', 'time: date');
});

test('a system that is applied after the document leaves what the document says as it was', async () => {
  await house.declare('zoned', 'time: { column: date, zone: Europe/Berlin }');
  const specJson = canonicalSystem(parseSystem(systemYaml('zoned')));
  await house.tell(events.systemApplied, 'forecast-zoned', {
    system: 'forecast-zoned',
    version: 1,
    specJson,
  });
  await house.settled();
  const { summary } = await house.ingest.getSource({ source: 'zoned' });
  expect(summary).toMatchObject({ zone: 'Europe/Berlin', systems: ['forecast-zoned'] });
});

test('times without an offset are read by the clocks of the zone, in every form', async () => {
  await house.declare('clocks', 'time: { column: date, zone: America/New_York }');
  const rows = [
    '2013-01-01 01:00:00', // EST
    '2013-07-01 01:00:00', // EDT
    '2013-07-01T01:00:00Z',
    '2013-07-01',
    '2013-03-10 02:30:00', // never was
  ];
  const jsonl = await house.publish(rows.map((date) => line(date)).join(''), {
    source: 'clocks',
    format: 'jsonl',
  });
  expect(jsonl).toMatchObject({
    taken: 4,
    refused: 1,
    firstRefusal: expect.stringMatching(/^line 5: .*never was/),
  });
  const times = (await house.rows('clocks')).map(({ cells }) =>
    new Date(cells['_p_event_time'] as number).toISOString(),
  );
  expect(times).toEqual([
    '2013-01-01T06:00:00.000Z',
    '2013-07-01T05:00:00.000Z',
    '2013-07-01T01:00:00.000Z',
    '2013-07-01T04:00:00.000Z',
  ]);
});

const policies = { take: [3, 0, ''], quarantine: [3, 0, 'late'], refuse: [2, 1, ''] } as const;

test.each(Object.entries(policies))(
  'late rows are treated as the policy %s says',
  async (policy, [taken, refused, hold]) => {
    const source = `late-${policy}`;
    await house.declare(source, `time: date\nlate: { watermark: 1d, policy: ${policy} }`);
    await house.publish(line('2024-01-10'), { source, format: 'jsonl' });
    const body = line('2024-01-09') + line('2024-01-08') + line('2024-01-12');
    const answer = await house.publish(body, { source, format: 'jsonl' });
    expect(answer).toMatchObject({ taken, refused, late: 1 });
    if (refused) expect(answer.firstRefusal).toMatch(/^line 2: .*watermark/);
    const told = await house.db.selectFrom('outbox').select('body').execute();
    const held = told
      .map(({ body }) => JSON.parse(Buffer.from(body as Uint8Array).toString()))
      .filter((one) => one.source === source && one.hold);
    expect(held.map((one) => one.hold)).toEqual(hold ? [hold] : []);
  },
);

const daysFromNow = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();

test.each(['refuse', 'quarantine'])(
  'a clock that runs ahead makes no row after it late: %s',
  async (policy) => {
    const source = `ahead-${policy}`;
    await house.declare(source, `time: date\nlate: { watermark: 7d, policy: ${policy} }`);
    const publish = (body: string | Uint8Array, format = 'jsonl') => house.publish(body, { source, format });
    const onTime = { refused: 0, late: 0 };
    expect(await publish(line('2024-01-01'))).toMatchObject({ taken: 1, ...onTime });
    expect(await publish(line('2045-01-01'))).toMatchObject({ taken: 1, ...onTime });
    expect(await publish(line('2024-01-02') + line('2044-12-31'))).toMatchObject({ taken: 2, ...onTime });
    const parquet = await parquetOf(['2024-01-20', '2045-01-02']);
    expect(await publish(parquet, 'parquet')).toMatchObject({ taken: 2, ...onTime });
    // The rows beside those ahead have moved the watermark nevertheless.
    expect(await publish(line('2024-01-12') + line('2024-01-19'))).toMatchObject({ late: 1 });
    expect(await publish(line('2024-01-14'))).toMatchObject({ taken: 1, ...onTime });
    expect(await publish(line(daysFromNow(0.9)))).toMatchObject({ taken: 1, ...onTime });
    expect(await publish(line('2024-01-21') + line(daysFromNow(0)))).toMatchObject({ late: 1 });
  },
);

test('over the bus too no row is late after a clock that runs ahead, in its batch and after it', async () => {
  await house.declare('ahead-bus', 'time: date\nlate: { watermark: 7d, policy: refuse }');
  const send = async (body: string, id: string) => {
    await publishRaw(house.bus, { subject: 'rows.default.ahead-bus.desk', body, id });
    await house.settled();
  };
  await send(line('2024-01-01') + line('2045-01-01') + line('2024-01-02'), 'a1');
  await send(line('2024-01-03') + line('2023-12-01'), 'a2');
  const days = (await house.rows('ahead-bus')).map(({ cells }) => cells['date']);
  expect(days).toEqual(['2024-01-01', '2045-01-01', '2024-01-02', '2024-01-03']);
});

test('a watermark that a clock had moved before it counted no more goes back to where good rows had moved it', async () => {
  const source = 'ahead-before';
  await house.declare(source, 'time: date\nlate: { watermark: 7d, policy: refuse }');
  for (const date of ['2024-01-03', '2045-01-01'])
    await house.publish(line(date), { source, format: 'jsonl' });
  const moved = house.db.updateTable('newest_event').set({ event_time: new Date('2045-01-01') });
  await moved.where('source', '=', source).execute();
  const migration = new URL('../migrations/0010_newest_event_by_clock.sql', import.meta.url);
  for (const statement of readFileSync(migration, 'utf8')
    .split(/;\n/)
    .filter((part) => part.trim() !== ''))
    await sql.raw(statement).execute(house.db);
  const newest = house.db.selectFrom('newest_event').select('event_time').where('source', '=', source);
  expect(await newest.execute()).toEqual([{ event_time: new Date('2024-01-03') }]);
  const answer = await house.publish(line('2024-01-02'), { source, format: 'jsonl' });
  expect(answer).toMatchObject({ taken: 1, late: 0 });
});

test('over the bus late rows are found in the order of the stream, and labels never are late', async () => {
  await house.declare('late-bus', 'time: date\nlate: { watermark: 1h, policy: refuse }');
  const body = line('2024-01-10T12:00:00Z') + line('2024-01-10T10:00:00Z') + line('2024-01-10T11:30:00Z');
  await publishRaw(house.bus, { subject: 'rows.default.late-bus.desk', body, id: 'some' });
  await publishRaw(house.bus, {
    subject: 'labels.default.late-bus.desk',
    body: line('2023-01-01'),
    id: 'label',
  });
  await house.settled();
  expect((await house.rows('late-bus')).map(({ kind }) => kind).sort()).toEqual(['labels', 'rows', 'rows']);
  const { deadLetters } = await house.operations.listDeadLetters({});
  expect(deadLetters.map(({ code }) => code)).toContain('ROW_LATE');
});

test('what each producer sent is listed by way and hour, with duplicates and refusals', async () => {
  await house.declare('counted');
  const body = `${line('2024-01-01')}no row\n`;
  const send = () => house.publish(body, { source: 'counted', format: 'jsonl', way: 'http' });
  await send();
  await send();
  await house.publish(line('2024-01-02'), { source: 'counted', format: 'jsonl', producer: 'other' });
  await publishRaw(house.bus, { subject: 'rows.default.counted.desk', body: line('2024-01-03'), id: 'c1' });
  await house.settled();
  const { deliveries } = await house.ingest.listDeliveries({ source: 'counted' });
  const lines = deliveries.map(({ producer, way, messages, rows, duplicates, refused }) =>
    [producer, way, messages, rows, duplicates, refused].join(' '),
  );
  expect(lines.sort()).toEqual(['desk bus 1 1 0 0', 'desk http 2 1 1 1', 'other grpc 1 1 0 0']);
  const { producers } = await house.ingest.listProducers({ source: 'counted' });
  expect(producers.find(({ producer }) => producer === 'desk')).toMatchObject({
    rows: 2n,
    duplicates: 1n,
    refused: 1n,
    ways: ['bus', 'http'],
  });
  expect(deliveries[0]?.kind).toBe(SegmentKind.ROWS);
});
