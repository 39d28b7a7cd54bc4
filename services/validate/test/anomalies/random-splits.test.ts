import { afterAll, beforeAll, expect, test } from 'vitest';
import type { SetProfile } from '../../src/profile/set-profile.js';
import { inferDocument } from '../../src/schema/infer-document.js';
import type { Verified } from '../../src/verify.js';
import { type Desk, needs, openDesk } from './real.js';

const hourly = "timestamp '2020-01-01' + n * interval 1 hour";
const adultColumns = [
  ...['age', 'workclass', 'fnlwgt', 'education', 'education_num', 'marital', 'occupation', 'relationship'],
  ...['race', 'sex', 'capital_gain', 'capital_loss', 'hours', 'country', 'label'],
];

let desk: Desk;
beforeAll(async () => {
  desk = await openDesk();
});
afterAll(() => desk?.close());

/** Verifies four fifths of a file, accepts the schema that they imply, and returns what is said of them. */
async function learnFrom(name: string, time: string, columns?: readonly string[]): Promise<Verified> {
  await desk.close();
  desk = await openDesk();
  await desk.load(name, time, columns);
  const learned = await desk.send('hash(n) % 5 > 0');
  const raw = desk.known().profile.forms ?? {};
  const of = { source: 'real', kind: 'rows' as const };
  desk.know({ accepted: inferDocument(of, learned.set as SetProfile, { raw, notes: [] }) });
  return learned;
}

const said = ({ found, warned, held }: Verified) =>
  [...found, ...warned, ...(held?.reasons ?? [])].map(({ type, column }) => [type, column]);

test('Adult: a random split raises nothing; the test file only its dotted labels, and without the dots nothing', {
  ...needs('adult/adult-train.csv'),
}, async () => {
  expect(said(await learnFrom('adult/adult-train.csv', hourly, adultColumns))).toEqual([]);
  const rest = await desk.send('hash(n) % 5 = 0');
  expect([said(rest), rest.held]).toEqual([[], undefined]);
  await desk.load('adult/adult-test.csv', hourly, adultColumns);
  const dotted = await desk.send('true');
  expect(said(dotted)).toEqual([['ENUM_TYPE_UNEXPECTED_STRING_VALUES', 'label']]);
  expect([dotted.good, dotted.held?.rows]).toEqual([undefined, 16_281]);
  const plain = await desk.send('true', `replace(label, '.', '') as label`);
  expect(said(plain)).toEqual([]);
  expect(plain.good?.rows).toBe(16_281);
});

/** A run of capped house values lies in the file as it is, one block after the other along the coast. */
const capped = ['FLOOD_OF_DEFAULT', 'median_house_value'];

test.each([
  ['beijing_pm25/pollution.csv', 'make_timestamp(year::int, month::int, day::int, hour::int, 0, 0)', []],
  ['telco_churn/Telco-Customer-Churn.csv', hourly, []],
  ['credit_default/UCI_Credit_Card.csv', hourly, []],
  ['california_housing/housing.csv', hourly, [capped]],
] as const)(
  '%s: by the schema of four fifths of its rows none of the others is held, and nothing is said of them',
  { ...needs('beijing_pm25/pollution.csv'), timeout: 60_000 },
  async (file, time, known) => {
    const learned = await learnFrom(file, time);
    expect([said(learned), learned.held]).toEqual([known, undefined]);
    const rest = await desk.send('hash(n) % 5 = 0');
    expect([said(rest), rest.held]).toEqual([[], undefined]);
  },
);
