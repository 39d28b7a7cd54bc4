import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type ArtifactStore, openArtifacts } from '@perennial/artifacts';
import { type ColumnSchema, parseSchema, type SchemaDocument, schemaYaml } from '@perennial/spec';
import { openTables, quoteText, type Tables } from '@perennial/tables';
import { realData, tempDir } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SegmentFiles } from '../../src/effects/segment-files.js';
import { zoneNotes } from '../../src/effects/zone-notes.js';
import type { SetProfile } from '../../src/profile/set-profile.js';
import { noKnowledge } from '../../src/rules/judge-segment.js';
import { inferDocument } from '../../src/schema/infer-document.js';
import { verifySegment } from '../../src/verify.js';

let tables: Tables;
let artifacts: ArtifactStore;
const dir = tempDir('traps');
beforeAll(async () => {
  tables = await openTables({});
  artifacts = await openArtifacts({ url: pathToFileURL(tempDir('artifacts')).href });
});
afterAll(() => tables?.close());

const adultColumns = [
  ...['age', 'workclass', 'fnlwgt', 'education', 'education_num', 'marital', 'occupation', 'relationship'],
  ...['race', 'sex', 'capital_gain', 'capital_loss', 'hours', 'country', 'label'],
];

/**
 * The schema that a file of real data implies, from a segment such as ingest makes of it (a column of which all cells
 * are numbers holds numbers, any other texts as they came), verified as the first of its source: no row is held.
 */
async function implied(name: string, { header, time }: { header?: readonly string[]; time?: string } = {}) {
  const file = realData(name) as string;
  const names = header
    ? `, header = false, names = [${header.map(quoteText).join(', ')}]`
    : ', header = true';
  const options = `delim = ',', quote = '"', all_varchar = true${names}`;
  await tables.run(
    `create or replace temp table raw as select * from read_csv(${quoteText(file)}, ${options})`,
  );
  const columns = (await tables.rows('describe raw')).map((row) => String(row['column_name']));
  const quoted = columns.map((column) => `"${column}"`);
  const [isNumber = {}] = await tables.rows(
    `select ${quoted.map((c, i) => `count(*) filter (where not regexp_full_match(${c}, '-?[0-9]+([.][0-9]+)?(e-?[0-9]+)?')) = 0 as c${i}`)} from raw`,
  );
  const cells = quoted.map((c, i) => (isNumber[`c${i}`] ? `${c}::double as ${c}` : c));
  const path = join(dir, `${name.replaceAll('/', '-')}.parquet`);
  await tables.run(
    `copy (select row_number() over ()::varchar as _p_row_id, ${time ?? 'make_timestamp((row_number() over ()) * 3600000000)'} as _p_event_time, ${cells.join(', ')}
     from raw order by 2) to ${quoteText(path)} (format parquet)`,
  );
  const { digest } = await artifacts.putFile(path);
  const [span = {}] = await tables.rows(
    `select count(*)::double as n, min(_p_event_time) as low, max(_p_event_time) as high from read_parquet(${quoteText(path)})`,
  );
  const [rows, eventTimeMin, eventTimeMax] = [Number(span['n']), Number(span['low']), Number(span['high'])];
  const segment = { digest, rows, eventTimeMin, eventTimeMax, smallRows: undefined };
  const means = { tables, files: new SegmentFiles(artifacts, dir), now: Date.parse('2100-01-01') };
  const { set, profile, held, good } = await verifySegment(segment, noKnowledge, means);
  expect(held?.reasons).toBeUndefined();
  const schema = inferDocument({ source: 'trap', kind: 'rows' }, set as SetProfile, {
    raw: profile.forms ?? {},
    notes: await zoneNotes(tables, [await means.files.path(good?.digest ?? '')], set as SetProfile),
  });
  // What is proposed can be edited as a file, and reads back the same.
  expect(parseSchema(schemaYaml(schema))).toEqual(schema);
  return schema;
}

const column = (schema: SchemaDocument, name: string): ColumnSchema => schema.columns[name] as ColumnSchema;
const needs = (name: string) => ({ skip: realData(name) === undefined });

test(
  'Telco: TotalCharges is a number with 11 blanks, and SeniorCitizen a flag spelled otherwise',
  needs('telco_churn/Telco-Customer-Churn.csv'),
  async () => {
    const schema = await implied('telco_churn/Telco-Customer-Churn.csv');
    const total = column(schema, 'TotalCharges');
    expect(total).toMatchObject({
      type: 'number',
      trim: true,
      missingAs: [''],
      range: { min: 18.8, max: 8684.8 },
    });
    expect(total.notes).toContain('11 blank texts, taken for missing');
    expect(total.presence?.minFraction).toBeLessThan(7032 / 7043);
    expect(schema.notes?.[0]).toMatch(/^SeniorCitizen has 0 and 1 where .*Partner.*Churn.* have No\/Yes/);
    expect(column(schema, 'Contract').domain).toEqual({
      values: ['Month-to-month', 'One year', 'Two year'],
      closed: true,
    });
    expect(column(schema, 'customerID').distinct).toEqual({ unique: true });
  },
);

test(
  'Adult: blanks around words are taken off and ? is missing; nothing else is odd but the caps',
  needs('adult/adult-train.csv'),
  async () => {
    const schema = await implied('adult/adult-train.csv', { header: adultColumns });
    const missing = Object.entries(schema.columns).filter(([, one]) => one.missingAs);
    expect(missing.map(([name, { missingAs, notes }]) => [name, missingAs, notes?.[0]])).toEqual([
      ['workclass', ['?'], '"?" (1836 rows) taken for missing'],
      ['occupation', ['?'], '"?" (1843 rows) taken for missing'],
      ['country', ['?'], '"?" (583 rows) taken for missing'],
    ]);
    expect(column(schema, 'label')).toMatchObject({
      trim: true,
      domain: { values: ['<=50K', '>50K'], closed: true },
    });
    expect(column(schema, 'country').domain).toMatchObject({ closed: false });
    expect(column(schema, 'capital_gain').capped).toEqual([{ at: 99999, side: 'high', share: 0.004883 }]);
  },
);

test(
  'California: the capped house values and ages are named, and the missing bedrooms counted',
  needs('california_housing/housing.csv'),
  async () => {
    const schema = await implied('california_housing/housing.csv');
    expect(column(schema, 'median_house_value').capped).toEqual([
      { at: 500001, side: 'high', share: 0.04675 },
    ]);
    expect(column(schema, 'housing_median_age').capped).toMatchObject([{ at: 52, side: 'high' }]);
    const { presence } = column(schema, 'total_bedrooms');
    expect(presence?.minFraction).toBeGreaterThan(0.985);
    expect(presence?.minFraction).toBeLessThan((20640 - 207) / 20640);
    expect(column(schema, 'ocean_proximity').domain).toMatchObject({ closed: true });
  },
);

test(
  'credit default: codes that are rare, or lie beside counts, are named',
  needs('credit_default/UCI_Credit_Card.csv'),
  async () => {
    const schema = await implied('credit_default/UCI_Credit_Card.csv');
    const notes = (name: string) => column(schema, name).notes?.join('; ');
    expect(notes('X3')).toMatch(/rare: 0 \(14 rows\), 4 \(123 rows\), 5 \(280 rows\), 6 \(51 rows\)/);
    expect(notes('X4')).toMatch(/rare: 0 \(54 rows\)/);
    expect(notes('X6')).toMatch(
      /beside counts there are -2 \(2759 rows\), -1 \(\d+ rows\), 0 \(14737 rows\)/,
    );
    expect(column(schema, 'ID')).toMatchObject({ type: 'integer', distinct: { unique: true } });
  },
);

test('Beijing: NA among numbers is missing', needs('beijing_pm25/pollution.csv'), async () => {
  const schema = await implied('beijing_pm25/pollution.csv');
  expect(column(schema, 'pm2.5')).toMatchObject({ type: 'integer', missingAs: ['NA'] });
  expect(column(schema, 'pm2.5').notes).toContain('"NA" (2067 rows) taken for missing');
  expect(column(schema, 'cbwd')).toMatchObject({
    domain: { values: ['NE', 'NW', 'SE', 'cv'], closed: true },
  });
});

test('bike hours: the interval is an hour, and 165 have no row', needs('bike_sharing/hour.csv'), async () => {
  const schema = await implied('bike_sharing/hour.csv', {
    time: '(dteday::date + to_hours(hr::bigint))::timestamp',
  });
  expect(schema.dataset.intervalMs).toBe(3_600_000);
  expect(schema.notes?.join()).toContain('165 such moments have none');
  expect(column(schema, 'dteday')).toMatchObject({ type: 'time', format: 'date' });
  expect(column(schema, 'instant').distinct).toEqual({ unique: true });
});

test(
  'nycflights13 weather: the hours are local time of New York and the instants UTC, which is said',
  needs('nycflights13_weather/weather.csv'),
  async () => {
    const schema = await implied('nycflights13_weather/weather.csv', { time: 'time_hour::timestamp' });
    expect(schema.notes).toContainEqual(
      expect.stringMatching(
        /^hour is local time of America\/New_York .* and time_hour is UTC: they lie 5 hours apart in winter and 4 in summer/,
      ),
    );
    expect(column(schema, 'time_hour')).toMatchObject({ type: 'time', format: 'datetime' });
    expect(column(schema, 'wind_gust').notes).toContain('"NA" (20778 rows) taken for missing');
  },
);
