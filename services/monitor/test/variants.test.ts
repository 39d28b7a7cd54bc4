import { follow, type RawMessage } from '@perennial/bus';
import { eventFilter, events, RouteRole } from '@perennial/contracts';
import { canonicalSystem } from '@perennial/spec';
import { waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { House } from './house.js';
import { yaml } from './stories.js';

let house: House;
beforeAll(async () => {
  house = await House.open();
});
afterAll(() => house?.close());

test('what variants earned is told in totals: of rows they were drawn for, since they share, when there is more', async () => {
  const bandit = yaml('shared').replace(
    'serve: { pool: cpu,',
    'serve: { pool: cpu, bandit: { reward: temp },',
  );
  const system = await house.apply(bandit);
  const told: unknown[] = [];
  const stop = new AbortController();
  follow(house.bus, {
    stream: 'MONITOR',
    filter: eventFilter(events.rewardRecorded),
    from: 'new',
    signal: stop.signal,
    onMessage: (message: RawMessage) => {
      told.push(JSON.parse(new TextDecoder().decode(message.data)));
    },
    onError: (error) => expect(error).toBeUndefined(),
  });
  const share = (epoch: number, variant: number) =>
    house.tell(events.deploymentUpdated, system.name, {
      deployment: system.name,
      system: system.name,
      epoch: BigInt(epoch),
      systemVersion: 1,
      specJson: canonicalSystem(system),
      routes: [
        { role: RouteRole.CHAMPION, version: 1, weight: 0.5 },
        { role: RouteRole.VARIANT, version: variant, weight: 0.5 },
      ],
    });
  await share(3, 2);
  await share(4, 2);
  await house.settled();
  const days = Array.from({ length: 24 }, (_, day) => day);
  for (const day of days) {
    // The first row is from before they shared, the second one was sent to its version by a rule.
    const [epoch, propensity] = [day === 0 ? 2 : 3 + (day % 2), day === 1 ? 0 : 0.5];
    await house.ask(system, { day, answer: 1, version: 1 + (day % 2), epoch, propensity });
  }
  await house.settled();
  await house.segment(
    system,
    'labels',
    days.slice(0, 21).map((day) => ({ day, temp: 1 + (day % 2) })),
  );
  await house.settled();
  expect(told).toEqual([]);
  await house.segment(
    system,
    'labels',
    days.slice(21).map((day) => ({ day, temp: 1 + (day % 2) })),
  );
  await waitFor('the rewards', () => told.length > 0);
  expect(told).toEqual([
    {
      system: 'shared',
      sinceEpoch: '3',
      variants: [
        { version: 1, rows: 11, mean: 1 },
        { version: 2, rows: 11, mean: 2 },
      ],
    },
  ]);
  // Others that share now begin with nothing.
  await share(5, 3);
  await house.settled();
  await house.segment(system, 'labels', [{ day: 2, temp: 1 }]);
  await house.settled();
  expect(told).toHaveLength(1);
  stop.abort();
});

test('shadows are compared with what was served, and by their errors where labels are known', async () => {
  const system = await house.apply(yaml('beside'));
  await house.settled();
  // The shadow, version 9, always answers 0.
  for (const [day, answer] of [1, 2, 6].entries()) await house.ask(system, { day, answer });
  await house.settled();
  await house.segment(system, 'labels', [
    { day: 0, temp: 3 },
    { day: 1, temp: 1 },
  ]);
  await house.settled();
  expect(await house.client.compareShadows({ system: system.name })).toMatchObject({
    rows: 3,
    shadows: [
      {
        served: 1,
        version: 9,
        rows: 3,
        meanDifference: 3,
        largestDifference: 6,
        labelled: 2,
        servedError: 1.5,
        versionError: 2,
      },
    ],
  });
  await expect(house.client.compareShadows({ system: 'nobody' })).rejects.toMatchObject({
    code: 'SYSTEM_NOT_FOUND',
  });
});
