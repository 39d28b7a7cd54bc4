import { join } from 'node:path';
import { events, SegmentKind } from '@perennial/contracts';
import type { Digest } from '@perennial/kernel';
import { quoteText } from '@perennial/tables';
import { tempDir } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type House, openHouse } from './house.js';

let house: House;
beforeAll(async () => {
  house = await openHouse();
}, 60_000);
afterAll(() => house?.stop());

const people = ['ada', 'bob', 'eve'];
const of = (source: string) => ({ source, kind: SegmentKind.ROWS });

/** Rows of three people in turn; `price` of a row is its number, or what is given. */
async function send(source: string, from: number, count: number, price?: (n: number) => number) {
  const rows = Array.from({ length: count }, (_, i) => from + i).map((n) => ({
    rowId: `${source}-${n}`,
    eventTime: n * 3_600_000,
    values: { who: people[n % 3] ?? '', price: price?.(n) ?? 10 + (n % 9) },
  }));
  await house.record({ source, producer: 'till', rows });
  await house.settled();
}

/** As ingest does: a file without one person's rows in the place of the one with them. */
async function without(who: string, digest: string): Promise<{ digest: string; by: string }> {
  const [from, target] = [
    await house.artifacts.localFile(digest as Digest),
    join(tempDir('left'), 'left.parquet'),
  ];
  await house.tables.run(
    `copy (select * from read_parquet(${quoteText(from)}) where who <> '${who}') to ${quoteText(target)} (format parquet)`,
  );
  const { digest: by } = await house.artifacts.putFile(target);
  await house.artifacts.erase(digest as Digest, by);
  return { digest, by };
}

const erase = async (source: string, rowIds: string[], dryRun = false) =>
  (
    await house.operations.eraseFromTables({ source, column: 'who', value: 'eve', rowIds, dryRun })
  ).places.filter(({ name }) => /^(anomaly|quarantine|source_knowledge|schema_version)$/.test(name));

const held = async (source: string) => (await house.client.listQuarantine({ source })).entries;

/** Sends rows of which those from 60 on are held, and gives the file that holds them. */
async function hold(source: string, count: number): Promise<string> {
  await send(source, 0, 60);
  await house.schemas.acceptSchema({
    of: of(source),
    schema: `apiVersion: perennial/v1\nkind: Schema\nsource: ${source}\ncolumns:\n  price: { type: number }\nrules:\n  - { name: cheap, expr: price < 100, severity: quarantine }\n`,
    acceptedBy: 'ann',
  });
  await send(source, 62, count, () => 500);
  return house.told(events.segmentQuarantined).find((one) => one.source === source)?.digest ?? '';
}

test('held rows of a person who was erased do not come back, and what was found tells nothing of them', async () => {
  const digest = await hold('shop', 6);
  expect((await held('shop'))[0]).toMatchObject({ rows: 6 });
  const before = (await held('shop'))[0]?.findings.find(({ rule }) => rule === 'cheap');
  expect(before).toMatchObject({ firstRowId: 'shop-62', evidence: 'price is 500; expected is price < 100' });
  const ids = ['shop-62', 'shop-65'];
  const dry = await erase('shop', ids, true);
  expect((await held('shop'))[0]?.findings).toContainEqual(before);
  expect(await erase('shop', ids)).toMatchObject(dry.map(({ name, rows }) => ({ name, rows })));
  expect(dry.map(({ name }) => name)).toEqual(expect.arrayContaining(['anomaly', 'quarantine']));
  await house.tell(events.dataErased, '00000000-0000-4000-8000-000000000001', {
    erasureId: '00000000-0000-4000-8000-000000000001',
    column: 'who',
    replaced: [await without('eve', digest)],
  });
  await house.settled();
  const [entry] = await held('shop');
  expect(entry).toMatchObject({ rows: 4 });
  const told = JSON.stringify([entry, await house.client.listAnomalies(of('shop'))], (_, value) =>
    typeof value === 'bigint' ? String(value) : value,
  );
  expect(told).not.toContain('shop-62');
  expect(await erase('shop', ids)).toEqual([]);
  const done = await house.client.releaseQuarantine({
    source: 'shop',
    releasedBy: 'ann',
    reason: 'as it should be',
  });
  expect(done).toMatchObject({ entries: 1 });
  await house.settled();
  const released = house.told(events.segmentVerified).findLast((one) => one.source === 'shop');
  expect(released).toMatchObject({ rows: 4 });
  const rows = await house.rowsOf(released?.digest ?? '');
  expect(rows.map(({ who }) => who)).toEqual(['ada', 'bob', 'ada', 'bob']);
});

test('an entry whose rows were all erased is held no more', async () => {
  const digest = await hold('stall', 1);
  await house.tell(events.dataErased, '00000000-0000-4000-8000-000000000002', {
    erasureId: '00000000-0000-4000-8000-000000000002',
    column: 'who',
    replaced: [await without('eve', digest)],
  });
  await house.settled();
  expect(await held('stall')).toEqual([]);
});

test('profiles are made of what is left, and a text that named a person is counted and expected no more', async () => {
  await send('desk', 0, 60);
  const whole = house.told(events.segmentVerified).find((one) => one.source === 'desk');
  const replaced = [await without('eve', whole?.digest ?? '')];
  const texts = async () => {
    const { columns } = await house.schemas.getProfile({ of: of('desk') });
    return JSON.stringify(columns.find(({ name }) => name === 'who') ?? {}, (_, value) =>
      typeof value === 'bigint' ? String(value) : value,
    );
  };
  expect(await texts()).toContain('eve');
  expect((await erase('desk', [])).map(({ name }) => name)).toContain('source_knowledge');
  await house.tell(events.dataErased, '00000000-0000-4000-8000-000000000003', {
    erasureId: '00000000-0000-4000-8000-000000000003',
    column: 'who',
    replaced,
  });
  await house.settled();
  expect(await texts()).not.toContain('eve');
  expect(await texts()).toContain('bob');
  expect(await erase('desk', [])).toEqual([]);
  const schema = await house.client.getSchema(of('desk'));
  expect(schema.schemaJson).not.toContain('eve');
});
