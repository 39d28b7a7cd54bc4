import { create } from '@bufbuild/protobuf';
import { ReplicaAnnouncedSchema } from '@perennial/contracts';
import { afterEach, describe, expect, test } from 'vitest';
import { fleetLimits } from '../../src/fleet/limits.js';
import { answerOf, ask, closeFleets, column, model, openFleet } from './fleets.js';
import { startReplica } from './replicas.js';

afterEach(closeFleets);

describe('a pool without a replica', () => {
  test('keeps requests until its first one comes', async () => {
    const replica = await startReplica();
    const { fleet } = await openFleet([]);
    const asked = [answerOf(ask(fleet, [1])), answerOf(ask(fleet, [2]))];
    expect([...fleet.waitingRows()]).toEqual([['cpu', 2]]);
    fleet.announced(create(ReplicaAnnouncedSchema, { address: replica.address, pool: 'cpu' }));
    expect(await Promise.all(asked)).toEqual([[2], [4]]);
    expect([...fleet.waitingRows()]).toEqual([['cpu', 0]]);
  });

  test('gives the place of whoever goes away to another', async () => {
    const { fleet } = await openFleet([]);
    const gone = new AbortController();
    const options = { deadlineAt: performance.now() + 60_000 };
    const asked = [gone.signal, gone.signal].map((signal) =>
      fleet.infer(model(), [column([1])], { ...options, signal }),
    );
    expect(fleet.waitingRows().get('cpu')).toBe(2);
    await new Promise(setImmediate);
    gone.abort();
    for (const one of await Promise.allSettled(asked))
      expect(one).toMatchObject({ reason: { code: 'CANCELLED' } });
    expect(fleet.waitingRows().get('cpu')).toBe(0);
  });

  test('refuses what has no room or no time, and says when to come again', async () => {
    const { fleet } = await openFleet([]);
    const rows = Array.from({ length: fleetLimits.emptyPoolRowsMax }, (_, at) => at);
    const waiting = ask(fleet, rows, model(), 4_000);
    waiting.catch(() => {});
    await expect(ask(fleet, [1])).rejects.toMatchObject({
      code: 'INFERENCE_UNAVAILABLE',
      retryAfterMs: expect.any(Number),
    });
    await expect(ask(fleet, [1], model({ pool: 'gpu' }), 100)).rejects.toMatchObject({
      code: 'INFERENCE_UNAVAILABLE',
    });
    fleet.close();
  });
});
