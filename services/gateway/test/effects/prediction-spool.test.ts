import { create } from '@bufbuild/protobuf';
import { type Prediction, PredictionSchema } from '@perennial/contracts';
import { expect, test } from 'vitest';
import { PredictionSpool, type PublishedPrediction } from '../../src/effects/prediction-spool.js';
import { gatewayLimits } from '../../src/limits.js';

const prediction = (predictionId: string, rows = 0): Prediction =>
  create(PredictionSchema, {
    predictionId,
    system: 'heat',
    deployment: 'heat',
    status: 'OK',
    rowCount: rows,
    rows: Array.from({ length: rows }, () => ({ features: { note: 'x'.repeat(20_000) } })),
  });

/** A bus that can be away. */
function openBus() {
  const bus = {
    isAway: false,
    taken: [] as PublishedPrediction[],
    outages: [] as boolean[],
    spool: undefined as unknown as PredictionSpool,
  };
  bus.spool = new PredictionSpool({
    tenant: 'default',
    publish: async (message) => {
      if (bus.isAway) throw new Error('away');
      bus.taken.push(message);
    },
    onOutage: (error) => bus.outages.push(error !== undefined),
  });
  return bus;
}

test('an event is published under its prediction id, and the place given back when it is acknowledged', async () => {
  const { spool, taken } = openBus();
  spool.admit();
  spool.add(prediction('p1'));
  expect(spool.size).toBe(1);
  expect(await spool.drain(1_000)).toBe(true);
  expect(taken.map(({ id, subject }) => [id, subject])).toEqual([['p1', 'obs.default.prediction.heat']]);
});

test('an outage of the bus loses no event and is told once', async () => {
  const bus = openBus();
  bus.isAway = true;
  for (let at = 0; at < 20; at++) {
    bus.spool.admit();
    bus.spool.add(prediction(`p${at}`));
  }
  expect(await bus.spool.drain(60)).toBe(false);
  bus.isAway = false;
  expect(await bus.spool.drain(5_000)).toBe(true);
  expect(new Set(bus.taken.map(({ id }) => id)).size).toBe(20);
  expect(bus.outages).toEqual([true, false]);
});

test('a full spool refuses requests instead of answering without a trace', async () => {
  const bus = openBus();
  bus.isAway = true;
  for (let at = 0; at < gatewayLimits.spooledPredictionsMax; at++) bus.spool.admit();
  expect(() => bus.spool.admit()).toThrow(
    expect.objectContaining({ code: 'SPOOL_EXHAUSTED', retry: 'after' }),
  );
  bus.spool.release();
  bus.spool.admit();
});

test('an event that would not fit a message keeps the first of its rows', async () => {
  const { spool, taken } = openBus();
  spool.admit();
  spool.add(prediction('p1', 32));
  await spool.drain(1_000);
  const { rows, rowCount } = JSON.parse(taken[0]?.body ?? '{}');
  expect(Buffer.byteLength(taken[0]?.body ?? '')).toBeLessThanOrEqual(gatewayLimits.predictionBytesMax);
  expect(rowCount).toBe(32);
  expect(rows.length).toBeGreaterThan(0);
});
