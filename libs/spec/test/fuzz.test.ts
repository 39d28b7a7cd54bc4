import { readFileSync } from 'node:fs';
import { withstands } from '@perennial/testkit';
import { expect, it } from 'vitest';
import {
  documentKind,
  evaluateExpression,
  parseExpression,
  parseModelServing,
  parseSchema,
  parseSource,
  parseSystem,
} from '../src/mod.js';

const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString();
const systems = ['late-flights', 'seattle-temperature', 'first-system'].map((name) =>
  readFileSync(new URL(`../../../examples/${name}/system.yaml`, import.meta.url), 'utf8'),
);

const source = `apiVersion: perennial/v1
kind: Source
name: trips
time: { column: at, zone: America/New_York }
key: [vehicle, at]
late: { watermark: 2h, policy: quarantine }
folders: [ /data/in, { path: /data/labels, kind: labels, producer: desk } ]
s3: [ { prefix: "s3://lake/trips/", producer: lake } ]
`;

const schema = `apiVersion: perennial/v1
kind: Schema
source: trips
columns:
  fare: {type: number, range: {min: 0, max: 900, low: 0, high: 180}, presence: {min-fraction: 99%}}
  vendor: {type: text, domain: {values: [a, b], min-mass: 90%}, trim: true, missing-as: ["?", NA]}
  at: {type: time, zone: Europe/Lisbon, monotone: increasing, format: datetime}
rules:
  - {name: paid, expr: "fare > 0 or vendor = 'a'", severity: hold}
dataset:
  rows: {min: 1, max: 1000, against-previous: {min: 0.5, max: 2}}
  volume: {per: 1h, min: 3, false-alarms: 0.1%}
`;

it.each([
  ['a system', systems, parseSystem],
  ['a source', [source], parseSource],
  ['a schema', [schema], parseSchema],
] as const)('%s is read or refused with the field, however it is broken', async (_what, seeds, read) => {
  const seen = await withstands(
    seeds,
    (bytes) => {
      const text = textOf(bytes);
      documentKind(text);
      return read(text);
    },
    { count: 600 },
  );
  expect(Math.min(seen.read, seen.refused)).toBeGreaterThan(0);
});

it('how a model is served is read or refused', async () => {
  const seeds = ['{"pool":"cpu","replicas":{"min":1},"p99":"20ms"}', '{}'];
  const seen = await withstands(seeds, (bytes) => parseModelServing(textOf(bytes)));
  expect(seen.refused).toBeGreaterThan(0);
});

it('an expression that is read has a value for every row', async () => {
  const seeds = [
    "case when fare > 10 and vendor in ('a', 'b') then sqrt(fare) else coalesce(tip, 0) end",
    "(fare + tip) / nullif(miles, 0) between -1.5e3 and 2 or not (vendor like 'x%')",
    "lower(trim(vendor)) || '-' || cast(fare as text)",
  ];
  const row = { fare: 3, tip: null, vendor: ' A ', miles: 0 } as never;
  const seen = await withstands(seeds, (bytes) =>
    evaluateExpression(parseExpression(textOf(bytes), 'expr'), row),
  );
  expect(Math.min(seen.read, seen.refused)).toBeGreaterThan(0);
});
