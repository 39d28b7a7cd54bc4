import { afterEach, beforeEach, expect, test } from 'vitest';
import type { SetProfile } from '../../src/profile/set-profile.js';
import { inferDocument } from '../../src/schema/infer-document.js';
import { type Desk, needs, openDesk } from '../anomalies/real.js';

/** V1 of the guide: a schema inferred from a fifth of the rows and accepted as proposed must bear the other four. */

const hourly = "timestamp '2020-01-01' + n * interval 1 hour";
const fifth = 'hash(n) % 5 = 0';
const adultColumns = [
  ...['age', 'workclass', 'fnlwgt', 'education', 'education_num', 'marital', 'occupation', 'relationship'],
  ...['race', 'sex', 'capital_gain', 'capital_loss', 'hours', 'country', 'label'],
];

let desk: Desk;
beforeEach(async () => {
  desk = await openDesk();
});
afterEach(() => desk?.close());

/** Verifies these rows, and accepts what they imply as it is proposed. */
async function acceptFrom(where: string): Promise<void> {
  const { set, held } = await desk.send(where);
  expect(held).toBeUndefined();
  const raw = desk.known().profile.forms ?? {};
  const accepted = inferDocument({ source: 'real', kind: 'rows' }, set as SetProfile, { raw });
  desk.know({ accepted });
}

/** Share of the rows that a rule of the sample's extremes and its whole list of values would reject. */
async function plainRejections(sample: string, rest: string): Promise<number> {
  const columns = (await desk.tables.rows('describe raw')).filter(({ column_name }) => column_name !== 'n');
  const conditions = columns.map(({ column_name: name, column_type: type }) =>
    type === 'DOUBLE'
      ? `"${name}" not between (select min("${name}") from raw where ${sample}) and (select max("${name}") from raw where ${sample})`
      : `((select count(distinct "${name}") from raw where ${sample}) <= 100 and "${name}" not in (select "${name}" from raw where ${sample}))`,
  );
  const [row = {}] = await desk.tables.rows(
    `select avg((${conditions.join(' or ')})::integer)::double as share from raw where ${rest}`,
  );
  return Number(row['share']);
}

test.each([
  ['adult/adult-train.csv', adultColumns],
  ['telco_churn/Telco-Customer-Churn.csv', undefined],
  ['credit_default/UCI_Credit_Card.csv', undefined],
  ['california_housing/housing.csv', undefined],
] as const)('%s: of the other four fifths at most one row in 200 is held', async (file, names) => {
  if (needs(file).skip) return;
  await desk.load(file, hourly, names);
  await acceptFrom(fifth);
  const { good, held } = await desk.send(`not ${fifth}`);
  const rows = (good?.rows ?? 0) + (held?.rows ?? 0);
  expect(rows).toBeGreaterThan(5_000);
  const reasons = held?.reasons.map(({ rule, column, rows: n }) => `${rule} ${column}: ${n}`);
  const share = (held?.rows ?? 0) / rows;
  expect(share, String(reasons)).toBeLessThanOrEqual(0.005);
  const plain = await plainRejections(fifth, `not ${fifth}`);
  expect(share).toBeLessThanOrEqual(plain);
});

test(
  'adult: of the test file at most one row in a thousand is held for anything but its dotted labels',
  needs('adult/adult-test.csv'),
  async () => {
    await desk.load('adult/adult-train.csv', hourly, adultColumns);
    await acceptFrom('true');
    await desk.load('adult/adult-test.csv', hourly, adultColumns);
    const asTraining = await desk.send('label is not null', "replace(label, '.', '') as label");
    const rows = (asTraining.good?.rows ?? 0) + (asTraining.held?.rows ?? 0);
    expect(rows).toBeGreaterThan(16_000);
    expect((asTraining.held?.rows ?? 0) / rows).toBeLessThanOrEqual(0.001);
    const asItIs = await desk.send('label is not null');
    expect(asItIs.held?.rows).toBe(rows);
    expect(asItIs.held?.reasons[0]).toMatchObject({ rule: 'domain', column: 'label' });
  },
);
