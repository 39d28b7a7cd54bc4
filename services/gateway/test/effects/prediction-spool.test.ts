import { CaptureLevel } from '@perennial/contracts';
import { systemClock } from '@perennial/kernel';
import { expect, test } from 'vitest';
import { PredictionSpool, type PublishedBatch, type Spooled } from '../../src/effects/prediction-spool.js';
import { gatewayLimits } from '../../src/limits.js';

const of = (deployment: string) => ({ deployment, level: CaptureLevel.FULL, isImported: false });
const prediction = (predictionId: string, deployment = 'heat', note = ''): Spooled => ({
  ...of(deployment),
  predictionId,
  body: (notCaptured) => JSON.stringify({ predictionId, notCaptured, note }),
});

interface Told {
  readonly predictionId: string;
  readonly notCaptured: number | string;
}

/** A bus that can be away, and may lose its acknowledgements. */
function openBus() {
  const bus = {
    isAway: false,
    acknowledgementsLost: 0,
    taken: [] as PublishedBatch[],
    outages: [] as boolean[],
    spool: undefined as unknown as PredictionSpool,
    told: (): Told[] => bus.taken.flatMap(({ body }) => JSON.parse(body.toString()).predictions),
  };
  bus.spool = new PredictionSpool({
    tenant: 'default',
    clock: systemClock,
    publish: async (batch) => {
      if (bus.isAway) throw new Error('away');
      // As JetStream: the same id is stored once.
      if (!bus.taken.some(({ id }) => id === batch.id)) bus.taken.push(batch);
      if (bus.acknowledgementsLost-- > 0) throw new Error('no acknowledgement');
    },
    onOutage: (error) => bus.outages.push(error !== undefined),
  });
  return bus;
}

function addAll(spool: PredictionSpool, ...predictions: Spooled[]): void {
  for (const one of predictions) {
    spool.admit();
    spool.add(one);
  }
}

test('events of one turn share a message for each deployment, named by the first and their number', async () => {
  const { spool, taken, told } = openBus();
  addAll(spool, prediction('p1'), prediction('p2', 'snow'), prediction('p3'));
  expect(spool.size).toBe(3);
  expect(await spool.drain(1_000)).toBe(true);
  expect(taken.map(({ id, subject }) => [id, subject])).toEqual([
    ['p1+2', 'obs.default.prediction.heat'],
    ['p2+1', 'obs.default.prediction.snow'],
  ]);
  expect(told().map(({ predictionId }) => predictionId)).toEqual(['p1', 'p3', 'p2']);
});

test('an outage of the bus loses no event and is told once', async () => {
  const bus = openBus();
  bus.isAway = true;
  for (let at = 0; at < 20; at++) {
    addAll(bus.spool, prediction(`p${at}`));
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await bus.spool.drain(60)).toBe(false);
  bus.isAway = false;
  expect(await bus.spool.drain(5_000)).toBe(true);
  expect(bus.told().map(({ predictionId }) => predictionId)).toEqual(
    Array.from({ length: 20 }, (_, at) => `p${at}`),
  );
  expect(bus.outages).toEqual([true, false]);
});

test('a message whose acknowledgement was lost is told again under its id, and stored once', async () => {
  const bus = openBus();
  bus.acknowledgementsLost = 2;
  addAll(bus.spool, prediction('p1'), prediction('p2'));
  expect(await bus.spool.drain(5_000)).toBe(true);
  expect(bus.told()).toHaveLength(2);
});

test('a full spool refuses requests instead of answering without a trace, and counts them', () => {
  const bus = openBus();
  bus.isAway = true;
  for (let at = 0; at < gatewayLimits.spooledPredictionsMax; at++) bus.spool.admit();
  expect(() => bus.spool.admit()).toThrow(
    expect.objectContaining({ code: 'SPOOL_EXHAUSTED', retry: 'after' }),
  );
  expect(bus.spool.totals.refused).toBe(1);
  bus.spool.release();
  bus.spool.admit();
});

test('events too large for one message travel in several, and those that are held are bounded in bytes', async () => {
  const bus = openBus();
  bus.isAway = true;
  const large = 'x'.repeat(gatewayLimits.predictionBytesMax / 3);
  const count = Math.ceil(gatewayLimits.spooledBytesMax / large.length);
  addAll(bus.spool, ...Array.from({ length: count }, (_, at) => prediction(`p${at}`, 'heat', large)));
  expect(await bus.spool.drain(1)).toBe(false);
  expect(() => bus.spool.admit()).toThrow(expect.objectContaining({ code: 'SPOOL_EXHAUSTED' }));
  bus.isAway = false;
  expect(await bus.spool.drain(5_000)).toBe(true);
  expect(bus.told()).toHaveLength(count);
  const sizes = bus.taken.map(({ body }) => Buffer.byteLength(body));
  expect(Math.max(...sizes)).toBeLessThan(gatewayLimits.predictionBytesMax + 1_024);
  bus.spool.admit();
});

test('counts go with the next event of their deployment, or by themselves at the end', async () => {
  const { spool, told } = openBus();
  for (let at = 0; at < 3; at++) spool.count(of('heat'));
  spool.count(of('snow'));
  addAll(spool, prediction('p1'), prediction('p2'));
  for (let at = 0; at < 4; at++) spool.count({ ...of('rain'), level: CaptureLevel.NONE });
  expect(await spool.drain(1_000)).toBe(true);
  const byId = new Map(told().map(({ predictionId, notCaptured }) => [predictionId, notCaptured]));
  expect([byId.get('p1'), byId.get('p2')]).toEqual([3, 0]);
  const alone = told().filter(({ predictionId }) => !['p1', 'p2'].includes(predictionId));
  expect(alone.map((event) => expect.objectContaining(event))).toEqual([
    { ...alone[0], deployment: 'snow', capture: 'CAPTURE_LEVEL_FULL', notCaptured: '1' },
    { ...alone[1], deployment: 'rain', capture: 'CAPTURE_LEVEL_NONE', notCaptured: '4' },
  ]);
  expect(alone.every((event) => !('status' in event))).toBe(true);
});
