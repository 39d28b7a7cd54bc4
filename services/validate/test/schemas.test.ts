import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { events, type SchemaProposal, SegmentKind } from '@perennial/contracts';
import type { Digest } from '@perennial/kernel';
import { type SchemaDocument, schemaFromJson, schemaYaml } from '@perennial/spec';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type House, openHouse } from './house.js';

let house: House;
beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house?.stop());

const of = { source: 'shop', kind: SegmentKind.ROWS };
const day = 86_400_000;
const start = Date.parse('2020-01-01');

const openProposal = async () => (await house.schemas.getProposal({ of })).proposal as SchemaProposal;

/** Orders of a shop: the total comes as a text with blanks, the payment with ? where nobody asked, the plan never changes. */
async function send(from: number, to: number, change: (i: number) => object = () => ({})) {
  const rows = Array.from({ length: to - from }, (_, k) => {
    const i = from + k;
    const values = {
      total: i % 50 === 7 ? ' ' : ` ${(10 + ((i * 37) % 400) / 10).toFixed(1)}`,
      payment: i % 9 === 0 ? '?' : ['card', 'cash', 'transfer'][i % 3],
      plan: 'basic',
      items: 1 + (i % 4),
      ...change(i),
    };
    return { rowId: `o${i}`, eventTime: start + i * day, values };
  });
  await house.record({ source: 'shop', producer: 'till', rows: rows as never });
  await house.settled();
}

const inForce = async () =>
  schemaFromJson((await house.schemas.getSchemaVersion({ of, version: 0 })).schemaJson);

test('what came implies a schema: it is proposed unasked, with what is odd, and verified rows are already read so', async () => {
  await send(0, 900);
  const verified = house.told(events.segmentVerified).at(-1);
  const [first, ...rows] = await house.rowsOf(verified?.digest ?? '');
  expect(first).toMatchObject({ total: 10, payment: null, plan: 'basic' });
  expect(rows[6]).toMatchObject({ total: null, payment: 'cash' });
  expect(house.told(events.segmentQuarantined)).toEqual([]);

  const [told] = house.told(events.schemaProposed);
  expect(told).toMatchObject({ source: 'shop', rows: 900n });
  expect(told?.notes).toContain('total: 18 blank texts, taken for missing');
  expect(told?.notes).toContain('payment: "?" (100 rows) taken for missing');
  expect(told?.notes).toContainEqual(expect.stringMatching(/^plan: always basic/));
  const proposal = await openProposal();
  expect(proposal.proposalId).toBe(told?.proposalId);
  const { columns, dataset } = schemaFromJson(proposal.schemaJson);
  expect(columns['total']).toMatchObject({ type: 'number', trim: true, missingAs: [''] });
  expect(columns['plan']?.constant).toBe('basic');
  expect(dataset.intervalMs).toBe(day);
  // Proposed again with nothing new it is the same proposal.
  expect((await house.schemas.proposeSchema({ of })).proposal?.proposalId).toBe(proposal.proposalId);
});

test('accepting puts the proposal in force as the next version, and what the rows teach goes on being learned', async () => {
  const before = (await house.schemas.listSchemaVersions({ of })).versions[0]?.version ?? 0;
  const { version, difference } = await house.schemas.acceptSchema({ of, acceptedBy: 'ann' });
  expect(version).toBe(before + 1);
  expect(difference?.changes.map(({ path }) => path)).toContain('columns.plan.constant');
  await expect(house.schemas.getProposal({ of })).rejects.toMatchObject({ code: 'PROPOSAL_NOT_FOUND' });
  await send(900, 950, () => ({ items: 5 }));
  const { versions } = await house.schemas.listSchemaVersions({ of });
  expect(versions.map(({ acceptedBy }) => acceptedBy).slice(0, 2)).toEqual(['', 'ann']);
  const document = await inForce();
  expect(document.columns['items']?.range).toMatchObject({ min: 1, max: 5 });
  expect(document.columns['plan']?.constant).toBe('basic');
});

test('a column that somebody writes is theirs: it wins over what rows teach, and the difference is told before', async () => {
  const document = await inForce();
  const edited: SchemaDocument = {
    ...document,
    columns: {
      ...document.columns,
      items: { type: 'number', range: { low: 0, high: 6 } },
      payment: { type: 'text', trim: true },
    },
    rules: [{ name: 'some-items', expr: 'items > 0', severity: 'quarantine' }],
  };
  const file = schemaYaml(edited);
  const { difference: checked } = await house.schemas.checkSchema({ of, schema: file });
  expect(checked?.compatibility).toBe('breaking');
  const accepted = await house.schemas.acceptSchema({ of, schema: file, acceptedBy: 'bob' });
  expect(accepted.written.sort()).toEqual(['columns.items', 'columns.payment', 'rules.some-items']);
  expect(accepted.difference).toEqual(expect.objectContaining({ compatibility: 'breaking' }));
  expect((await inForce()).columns['items']).toEqual({
    type: 'number',
    range: { low: 0, high: 6 },
    by: 'bob',
  });

  await send(950, 1_000);
  // ? is a word again, since somebody said so.
  const verified = house.told(events.segmentVerified).at(-1);
  const rows = await house.rowsOf(verified?.digest ?? '');
  expect(rows.filter((row) => row['payment'] === '?').length).toBeGreaterThan(3);
  expect((await inForce()).columns['items']).toEqual({
    type: 'number',
    range: { low: 0, high: 6 },
    by: 'bob',
  });
  const [newest, oldest] = [(await house.schemas.listSchemaVersions({ of })).versions[0]?.version ?? 0, 1];
  const { difference } = await house.schemas.diffSchemas({ of, fromVersion: oldest, toVersion: newest });
  expect(difference?.changes.map(({ path }) => path)).toContain('rules.some-items');
});

test('a profile of some time is a merge of what its segments left, to the last row', async () => {
  const all = await house.schemas.getProfile({ of });
  expect(all.rows).toBe(1_000n);
  expect(all.segments).toBe(3);
  expect(all.intervalMs).toBe(day);
  const items = all.columns.find(({ name }) => name === 'items');
  expect(items).toMatchObject({ present: 1_000n, missing: 0n, distinct: 5n, distinctIsExact: true });
  expect(items?.top.reduce((sum, { count }) => sum + count, 0n)).toBe(1_000n);
  expect(all.columns.find(({ name }) => name === 'total')?.numbers).toMatchObject({ min: 10, max: 49.9 });
  const part = await house.schemas.getProfile({ of, to: timestampFromMs(start + 900 * day) });
  expect(part.rows).toBe(900n);
  const from = timestampFromMs(start + 2_000 * day);
  await expect(house.schemas.getProfile({ of, from })).rejects.toMatchObject({ code: 'PROFILE_NOT_FOUND' });
});

test('a hundred small segments merge by and by, and their profile says the same', async () => {
  const rows = Array.from({ length: 110 }, (_, i) => ({
    rowId: `t${i}`,
    eventTime: start + i * 3_600_000,
    values: { level: i % 7 },
  }));
  for (const row of rows) await house.record({ source: 'tank', producer: 'p', rows: [row] });
  await house.settled();
  const profile = await house.schemas.getProfile({ of: { ...of, source: 'tank' } });
  expect(profile).toMatchObject({ rows: 110n, segments: 110 });
  const level = profile.columns[0];
  const counts = Object.fromEntries(level?.top.map(({ value, count }) => [value, Number(count)]) ?? []);
  expect(counts).toEqual({ 0: 16, 1: 16, 2: 16, 3: 16, 4: 16, 5: 15, 6: 15 });

  // Small files go when they were compacted: what they said stays, and a schema is still proposed.
  const verified = house.told(events.segmentVerified).filter(({ source }) => source === 'tank');
  for (const digest of new Set(verified.map((one) => one.digest as Digest))) {
    expect(await house.artifacts.remove(digest, Number.MAX_SAFE_INTEGER)).toBe(true);
  }
  const { proposal } = await house.schemas.proposeSchema({ of: { ...of, source: 'tank' } });
  expect(proposal?.rows).toBe(110n);
});

test('what cannot be accepted is refused with its reason, and changes nothing', async () => {
  const before = await house.schemas.listSchemaVersions({ of });
  const file = (text: string) => `apiVersion: perennial/v1\nkind: Schema\n${text}`;
  const refused = [
    [{ schema: file('source: other\ncolumns: {a: {type: text}}') }, 'SCHEMA_OTHER_SOURCE'],
    [{ schema: file('source: shop\ncolumns: {a: {typ: text}}') }, 'SPEC_INVALID'],
    [
      { schema: file(`source: shop\ncolumns: {a: {type: text}}\nrules: [{name: r, expr: "a > 1"}]`) },
      'SCHEMA_RULE_TYPES',
    ],
    [{ schema: '{"source": 1}' }, 'SCHEMA_JSON_INVALID'],
    [{ proposalId: 'ffffffff-0000-4000-8000-000000000000' }, 'PROPOSAL_SUPERSEDED'],
    [{ acceptedBy: '' }, 'SCHEMA_BY'],
  ] as const;
  for (const [request, code] of refused) {
    await expect(house.schemas.acceptSchema({ of, acceptedBy: 'eve', ...request })).rejects.toMatchObject({
      code,
    });
  }
  expect(await house.schemas.listSchemaVersions({ of })).toEqual(before);
  await expect(house.schemas.getSchemaVersion({ of, version: 999 })).rejects.toMatchObject({
    code: 'SCHEMA_VERSION_NOT_FOUND',
  });
  await expect(house.schemas.proposeSchema({ of: { ...of, source: 'nowhere' } })).rejects.toMatchObject({
    code: 'SCHEMA_NOT_FOUND',
  });
});
