import path from 'node:path';
import { connectBus, publishRaw } from '@perennial/bus';
import { arrivalSubject } from '@perennial/contracts';
import { type Platform, startPlatform } from '@perennial/local';
import { tempDir, waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { days } from './days.js';
import { history, ShortStory } from './short-story.js';

const played = days('2012-04-01', '2012-04-12');
let platform: Platform;
let story: ShortStory;

beforeAll(async () => {
  platform = await startPlatform({ dataDir: path.join(tempDir('delivery'), 'data') });
  story = await ShortStory.begin(platform);
});

afterAll(async () => {
  await story?.close();
  await platform?.stop();
});

async function servicesBus() {
  return connectBus({
    url: platform.urls.nats,
    credsFile: path.join(platform.dataDir, 'secrets', 'nats', 'services.creds'),
    name: 'delivery-test',
  });
}

test('rows and labels that come twice and in any order are counted once and end in the right windows', async () => {
  const shuffled = [...played].sort((a, b) => (a.date.slice(-1) < b.date.slice(-1) ? -1 : 1));
  for (const day of shuffled) {
    await story.publish('labels', day, day.label);
    await story.publish('rows', day, day.row);
  }
  for (const day of played) {
    await story.publish('rows', day, day.row);
    await story.publish('labels', day, day.label);
  }
  await story.settled(played.at(-1)?.date ?? '');
  const state = await story.finalState('2012-01-01', '2012-05-01');
  expect(state.rowsTaken).toBe(history.length + played.length);
  expect(state.labelsTaken).toBe(history.length + played.length);
  expect(state.features).toHaveLength(history.length + played.length);
  const byDate = [...history, ...played];
  state.features.forEach((row, at) => {
    expect(row['temp_max_yesterday'] ?? null).toEqual(byDate[at - 1]?.label['temp_max'] ?? null);
  });
  expect(state.isVerified).toBe(true);
});

test('every event told again by the bus changes nothing', async () => {
  const before = await story.finalState('2012-01-01', '2012-05-01');
  const bus = await servicesBus();
  try {
    for (const stream of ['DATA', 'TRAINING', 'MODEL', 'MONITOR']) {
      const consumer = await bus.js.consumers.get(stream);
      const { state } = await bus.jsm.streams.info(stream);
      if (state.messages === 0) continue;
      const told = [];
      for await (const message of await consumer.fetch({ max_messages: state.messages, expires: 5_000 })) {
        told.push(message);
        if (message.seq === state.last_seq) break;
      }
      // The newest first: reordered as far as can be; without Nats-Msg-Id, or the bus itself would drop them.
      for (const message of told.reverse()) {
        const { headers } = message;
        headers?.delete('Nats-Msg-Id');
        await bus.js.publish(message.subject, message.data, headers ? { headers } : {});
      }
    }
    await waitFor(
      'the platform to settle',
      async () => (await story.client.watermark('seattle-temperature')).settled,
      {
        withinMs: 60_000,
        everyMs: 50,
      },
    );
    expect(await story.finalState('2012-01-01', '2012-05-01')).toEqual(before);
  } finally {
    await bus.close();
  }
});

test('a poison message is parked, its neighbours go on, and a person can discard it', async () => {
  const subject = arrivalSubject({ arrival: 'rows', tenant: 'default', source: 'weather', producer: 'desk' });
  const [first, second] = days('2012-04-13', '2012-04-14');
  if (!first || !second) throw new Error('the data has these days');
  const bus = await servicesBus();
  try {
    await publishRaw(bus, { subject, id: 'poison-1', body: '{"date": "2012-04-13", "temp_min": ' });
  } finally {
    await bus.close();
  }
  await story.play(first);
  await story.play(second);
  const list = () =>
    story.client.call<{ dead_letters?: { service: string; dead_letter_id: string; reason: string }[] }>(
      'GET',
      '/v1/dead-letters',
    );
  const [letter] = await waitFor('the dead letter', async () => {
    const { dead_letters: letters = [] } = await list();
    return letters.length > 0 && letters;
  });
  expect(letter?.service).toBe('ingest');
  await story.client.call('POST', `/v1/dead-letters/ingest/${letter?.dead_letter_id}`, {
    json: { decision: 'discard', reason: 'cut off on its way' },
  });
  expect((await list()).dead_letters ?? []).toEqual([]);
  const state = await story.finalState('2012-01-01', '2012-05-01');
  expect(state.rowsTaken).toBe(history.length + played.length + 2);
});
