import { parseSystem } from '@perennial/spec';
import { openTables, quoteText, type Tables } from '@perennial/tables';
import { realData, withoutRealData } from '@perennial/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkLeaks } from '../../src/leaks/check-leaks.js';

interface RealSet {
  readonly file: string;
  readonly header?: boolean;
  readonly time: string;
  readonly label: string;
  readonly task: 'regression' | 'classification';
  readonly features: readonly string[];
  readonly entity?: string;
}

const adult = Array.from({ length: 14 }, (_, at) => `column${String(at).padStart(2, '0')}`);
const telco = [
  'gender',
  'SeniorCitizen',
  'Partner',
  'tenure',
  'InternetService',
  'Contract',
  'PaymentMethod',
  'MonthlyCharges',
  'TotalCharges',
  'customerID',
];
const bike = [
  'season',
  'yr',
  'mnth',
  'hr',
  'holiday',
  'weekday',
  'workingday',
  'weathersit',
  'temp',
  'atemp',
  'hum',
  'windspeed',
  'dteday',
];
const byRow = "timestamp '2020-01-01' + to_seconds(rn)";

/** Real sets with the columns that somebody would train on; none is a leak but those of the last. */
const honest: readonly RealSet[] = [
  {
    file: 'bike_sharing/hour.csv',
    time: 'dteday + to_hours(hr)',
    label: 'cnt',
    task: 'regression',
    features: bike,
  },
  {
    file: 'bike_sharing/hour.csv',
    time: 'dteday + to_hours(hr)',
    label: 'cnt',
    task: 'regression',
    features: [...bike, 'registered'],
  },
  {
    file: 'bike_sharing/hour.csv',
    time: 'dteday + to_hours(hr)',
    label: 'temp',
    task: 'regression',
    features: ['season', 'hr', 'atemp', 'hum', 'cnt'],
  },
  {
    file: 'adult/adult-train.csv',
    header: false,
    time: byRow,
    label: "(column14 = '>50K')::integer",
    task: 'classification',
    features: adult,
  },
  {
    file: 'california_housing/housing.csv',
    time: byRow,
    label: 'median_house_value',
    task: 'regression',
    features: [
      'longitude',
      'latitude',
      'housing_median_age',
      'total_rooms',
      'total_bedrooms',
      'population',
      'households',
      'median_income',
      'ocean_proximity',
    ],
  },
  {
    file: 'telco_churn/Telco-Customer-Churn.csv',
    time: byRow,
    label: "(Churn = 'Yes')::integer",
    task: 'classification',
    features: telco,
  },
  {
    file: 'telco_churn/Telco-Customer-Churn.csv',
    time: byRow,
    label: 'try_cast(TotalCharges as double)',
    task: 'regression',
    features: telco.filter((name) => name !== 'TotalCharges'),
  },
  {
    file: 'credit_default/UCI_Credit_Card.csv',
    time: byRow,
    label: 'Y',
    task: 'classification',
    features: ['ID', ...Array.from({ length: 23 }, (_, at) => `X${at + 1}`)],
  },
  {
    file: 'beijing_pm25/pollution.csv',
    time: 'make_timestamp(year, month, day, hour, 0, 0)',
    label: 'try_cast("pm2.5" as double)',
    task: 'regression',
    features: ['No', 'hour', 'DEWP', 'TEMP', 'PRES', 'cbwd', 'Iws', 'Is', 'Ir'],
  },
  {
    file: 'nycflights13_weather/weather.csv',
    time: 'time_hour',
    label: 'temp',
    task: 'regression',
    features: [
      'dewp',
      'humid',
      'wind_dir',
      'wind_speed',
      'wind_gust',
      'precip',
      'pressure',
      'visib',
      'hour',
      'time_hour',
    ],
    entity: 'origin',
  },
  {
    file: 'nycflights13_weather/weather.csv',
    time: 'time_hour',
    label: 'try_cast(wind_gust as double)',
    task: 'regression',
    features: ['dewp', 'humid', 'wind_dir', 'wind_speed', 'precip', 'pressure', 'visib', 'hour'],
    entity: 'origin',
  },
  {
    file: 'occupancy/datatraining.txt',
    time: 'date',
    label: 'Occupancy',
    task: 'classification',
    features: ['Temperature', 'Humidity', 'Light', 'CO2', 'HumidityRatio'],
  },
  {
    file: 'feast_loans/loan_table_sample.csv',
    time: 'event_timestamp::timestamp',
    label: 'loan_status',
    task: 'classification',
    features: [
      'person_age',
      'person_income',
      'person_home_ownership',
      'person_emp_length',
      'loan_intent',
      'loan_amnt',
      'loan_int_rate',
      'created_timestamp',
    ],
    entity: 'dob_ssn',
  },
];

let tables: Tables;
beforeAll(async () => {
  tables = await openTables({});
});
afterAll(() => tables?.close());

/** What is found in a real set, with other columns beside it. */
async function leaksOf(set: RealSet, more: Record<string, string> = {}) {
  const { file, header = true, time, label, task, features, entity } = set;
  const lane = await tables.lane();
  try {
    const read = file.endsWith('.txt')
      ? `read_csv(${quoteText(realData(file) as string)}, header = false, skip = 1, names = ['n', 'date', 'Temperature', 'Humidity', 'Light', 'CO2', 'HumidityRatio', 'Occupancy'])`
      : `read_csv(${quoteText(realData(file) as string)}, header = ${header}, nullstr = 'NA')`;
    const columns = [
      ...features.map((name) => `"${name}"`),
      ...Object.entries(more).map(([name, sql]) => `${sql} as "${name}"`),
    ];
    await lane.run(
      `create temp table labelled as select rn::varchar as _p_row_id, (${time})::timestamp as _p_event_time, ${columns.join(', ')}, ` +
        `(${label})::double as _p_truth, ${entity ?? "''"} as entity from (select *, row_number() over () as rn from ${read}) where (${label}) is not null`,
    );
    const yaml = `{ apiVersion: perennial/v1, kind: System, name: a, source: { name: s, time: t }, label: { name: _truth, column: _truth, task: ${task} },
      features: [${[...features, ...Object.keys(more)].map((name) => `{ name: ${JSON.stringify(name)} }`).join(', ')}],
      gate: { metric: ${task === 'regression' ? 'mae' : 'auc'}, hold-out: { last: 1 rows } },
      monitor: { window: 10 rows, decay: { metric: ${task === 'regression' ? 'mae' : 'auc'}, worse-than: 5% } } }`;
    const system = parseSystem(yaml);
    const named = { ...system, label: { ...system.label, name: '_p_truth' } };
    return await checkLeaks(lane, {
      relation: 'labelled',
      system: named,
      entities: entity && '(select _p_row_id, entity from labelled)',
    });
  } finally {
    await lane.close();
  }
}

describe.skipIf(!realData('bike_sharing/hour.csv'))(`the leak detector (else: ${withoutRealData})`, () => {
  it.each(honest.map((set) => [`${set.file} for ${set.label}`, set] as const))(
    'reports nothing of %s',
    async (_, set) => {
      expect(await leaksOf(set)).toEqual([]);
    },
  );

  const hours = honest[0] as RealSet;
  const churn = honest[5] as RealSet;

  it('reports that the count of bikes is the sum of two of its features', async () => {
    const set = { ...hours, features: [...hours.features, 'casual', 'registered'] };
    expect(await leaksOf(set)).toEqual([
      {
        kind: 'composed',
        features: ['registered', 'casual'],
        relation: '_p_truth = registered + casual',
        evidence: 'holds in 17379 of the 17379 labelled rows that have its columns',
        strength: 1,
        rows: 17_379,
        rowsHolding: 17_379,
      },
    ]);
  });

  it('reports a share of the count as a product', async () => {
    const [leak, ...others] = await leaksOf(hours, { share: 'casual / cnt', riders: 'casual + 1' });
    expect([leak, others]).toEqual([undefined, []]);
    const [product] = await leaksOf(
      { ...hours, label: 'cnt' },
      { mean_hour: 'cnt / (hr + 1)', hour_one: 'hr + 1' },
    );
    expect(product?.relation).toMatch(/^_p_truth = (mean_hour \* hour_one|hour_one \* mean_hour)$/);
  });

  it.each([
    ['another name', { riders: 'cnt' }, '_p_truth = riders'],
    ['another unit', { dozens: 'cnt / 12 - 3' }, '_p_truth = 12 * dozens + 36'],
    ['text', { as_text: "' ' || cnt::varchar" }, '_p_truth = as_text'],
  ])('reports a label under %s', async (_, more, relation) => {
    expect(await leaksOf(hours, more)).toMatchObject([{ kind: 'renamed', relation, rowsHolding: 17_379 }]);
  });

  it('reports a label in other words', async () => {
    const [leak, ...others] = await leaksOf(churn, {
      left: "case when Churn = 'Yes' then 'gone' else 'here' end",
    });
    expect([leak?.kind, leak?.features, others]).toEqual(['renamed', ['left'], []]);
  });

  it.each([
    ['the next label', { next: 'lead(cnt) over (order by rn)' }, '1 rows later'],
    [
      'a mean around its row',
      { around: 'avg(cnt) over (order by rn rows between 1 preceding and 1 following)' },
      '1 rows later',
    ],
    [
      'a mean that holds its own row',
      { day: 'avg(cnt) over (order by rn rows between 23 preceding and current row)' },
      'of its own row',
    ],
    [
      'a running sum',
      { total: 'sum(cnt) over (order by rn)' },
      'the step of total = 1 * _p_truth of its own row',
    ],
  ])('reports %s as later than the label', async (_, more, says) => {
    const leaks = await leaksOf(hours, more);
    expect(leaks).toMatchObject([{ kind: 'later', features: Object.keys(more) }]);
    expect(leaks[0]?.relation).toContain(says);
  });

  it('lets means of the past be', async () => {
    const past = {
      before: 'lag(cnt) over (order by rn)',
      day: 'avg(cnt) over (order by rn rows between 24 preceding and 1 preceding)',
      total: 'sum(cnt) over (order by rn rows between unbounded preceding and 1 preceding)',
    };
    expect(await leaksOf(hours, past)).toEqual([]);
  });

  it.each([
    [
      'a time that only those have who left',
      { ended: "case when Churn = 'Yes' then timestamp '2021-01-01' + to_days(tenure::integer) end" },
      'later',
    ],
    [
      'a reason that only those have who left',
      { reason: "case when Churn = 'Yes' then 'reason ' || (rn % 7)::varchar end" },
      'too-good',
    ],
    [
      'a score that was computed afterwards',
      { score: "case when Churn = 'Yes' then 0.6 else 0.2 end + 0.3 * random()" },
      'too-good',
    ],
  ])('reports %s', async (_, more, kind) => {
    expect(await leaksOf(churn, more)).toMatchObject([{ kind, features: Object.keys(more) }]);
  });

  it('reports a number that is the label with little noise', async () => {
    expect(await leaksOf(hours, { sensor: 'round(ln(cnt) + 0.01 * random(), 3)' })).toMatchObject([
      { kind: 'too-good', features: ['sensor'] },
    ]);
  });
});
