import { create } from '@bufbuild/protobuf';
import { DeploymentUpdatedSchema, type Prediction, RouteRole, readPredictions } from '@perennial/contracts';
import { systemClock, unavailable } from '@perennial/kernel';
import { expect, test } from 'vitest';
import { ResponseCache } from '../../src/cache/response-cache.js';
import { Capture } from '../../src/capture/capture.js';
import { Deployments } from '../../src/deployments.js';
import { PredictionSpool } from '../../src/effects/prediction-spool.js';
import { gatewayLimits } from '../../src/limits.js';
import { Predictor } from '../../src/predictor.js';

async function house() {
  const told: Prediction[] = [];
  const deployments: Deployments = new Deployments({
    load: async () => {},
    isPoolUp: () => true,
    onSwitch: () => {},
    onLoadFailed: () => {},
  });
  const spool = new PredictionSpool({
    tenant: 'default',
    clock: systemClock,
    publish: async ({ body }) => {
      told.push(...readPredictions(Buffer.from(body)).predictions);
    },
    onOutage: () => {},
  });
  const watch = { came: () => {}, ended: () => {} };
  const room = { isFull: false };
  const predictor = new Predictor({
    deployments,
    capture: new Capture({ deployments, spool, clock: systemClock, watch }),
    cache: new ResponseCache(),
    features: async () => [],
    inference: {
      infer: async () => {
        throw unavailable('INFERENCE_UNAVAILABLE', 'nobody is asked here');
      },
      checkRoom: () => {
        if (room.isFull) throw unavailable('QUEUE_EXHAUSTED', 'full');
      },
    },
  });
  deployments.caughtUp();
  deployments.updated(
    create(DeploymentUpdatedSchema, {
      system: 'm',
      deployment: 'm',
      epoch: 1n,
      routes: [{ role: RouteRole.CHAMPION, version: 1, digest: 'd', weight: 1 }],
      inputs: [{ name: 'x', datatype: 'FP64' }],
    }),
  );
  await deployments.serves('m', 1n, 1_000);
  let read = 0;
  const ask = (body: () => Promise<never>, version = '') =>
    predictor
      .predictTensors({
        system: 'm',
        version,
        transport: 'http/v2',
        deadlineAt: performance.now() + 10_000,
        body: () => {
          read += 1;
          return body();
        },
      })
      .then(
        () => 'OK',
        ({ code }: { code: string }) => code,
      );
  return { told, spool, room, ask, reads: () => read };
}

const broken = async () => {
  throw unavailable('BODY_MALFORMED', 'read after all');
};

test('what has no room is refused unread, and each ends in an event or a count, few of them in events', async () => {
  const { told, spool, room, ask, reads } = await house();
  room.isFull = true;
  const asked = 500;
  for (let at = 0; at < asked; at++) expect(await ask(broken)).toBe('QUEUE_EXHAUSTED');
  expect(reads()).toBe(0);
  expect(await ask(broken, '1')).toBe('BODY_MALFORMED');
  expect(reads()).toBe(1);
  expect(await spool.drain(5_000)).toBe(true);
  const events = told.filter(({ status }) => status === 'QUEUE_EXHAUSTED').length;
  const counted = told.reduce((sum, { notCaptured }) => sum + Number(notCaptured), 0);
  expect(events + counted).toBe(asked);
  expect(events).toBeGreaterThan(0);
  expect(events).toBeLessThan(asked / 2);
});

test('no more are read or worked on at a time than the gateway can hold', async () => {
  const { ask, reads } = await house();
  let end = () => {};
  const over = new Promise<void>((resolve) => {
    end = resolve;
  });
  const slow = async () => {
    await over;
    return broken();
  };
  const all = Array.from({ length: gatewayLimits.predictionsInHandMax }, () => ask(slow));
  expect(await ask(slow)).toBe('QUEUE_EXHAUSTED');
  expect(reads()).toBe(gatewayLimits.predictionsInHandMax);
  end();
  await Promise.all(all);
  expect(await ask(broken)).toBe('BODY_MALFORMED');
});
