import { toBinary, toJsonString } from '@bufbuild/protobuf';
import { PredictionSchema, predictionSubject } from '@perennial/contracts';
import { expect, test } from 'vitest';
import { sortPredictions } from '../src/predictions.js';
import { prediction } from './decide/states.js';

const text = (value: string) => new TextEncoder().encode(value);
const one = prediction('one', 3, { 1: 'ok' });
const message = (system: string, data: Uint8Array, tenant = 'default') => ({
  subject: predictionSubject(tenant, system),
  data,
});

test('only predictions of watched systems of the own tenant are read, in both encodings', () => {
  const { bySystem, malformed } = sortPredictions(
    'default',
    ['weather'],
    [
      message('weather', text(toJsonString(PredictionSchema, one))),
      message('weather', toBinary(PredictionSchema, one)),
      message('flights', text('not even read')),
      message('weather', text(toJsonString(PredictionSchema, one)), 'other'),
    ],
  );
  expect(bySystem.get('weather')).toEqual([one, one]);
  expect(bySystem.size).toBe(1);
  expect(malformed).toEqual([]);
});

test('a malformed prediction is set apart and its neighbours are kept', () => {
  const bad = [
    message('weather', text('{"epoch": [')),
    message('weather', text('{}')),
    message('weather', text('\xff')),
  ];
  const { bySystem, malformed } = sortPredictions(
    'default',
    ['weather'],
    [...bad, message('weather', text(toJsonString(PredictionSchema, one)))],
  );
  expect(malformed).toEqual(bad);
  expect(bySystem.get('weather')).toHaveLength(1);
});
