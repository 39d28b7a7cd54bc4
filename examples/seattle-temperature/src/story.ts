import { readFileSync } from 'node:fs';
import type { Perennial } from '@perennial/client';
import { waitFor } from '@perennial/kernel';
import { checkStory } from './checks.js';
import { ClientApp, system } from './client-app.js';
import { monthText } from './closing-table.js';
import { type Day, eveningLabel, morningRow, seattleDays } from './days.js';
import { Producer } from './producer.js';
import { switchChampions } from './switches.js';
import { Timeline } from './timeline.js';

const source = 'weather';
const playFrom = '2012-04-01';
const playTo = '2013-12-31';
/** For these 20 days another station takes over, and its thermometer speaks Fahrenheit. */
const brokenFrom = '2013-02-10';
const brokenTo = '2013-03-01';
/** A day may wait for a training run; nothing in the story takes longer than this. */
const settleWithinMs = 120_000;

export interface StoryPlace {
  grpcAddress: string;
  token: string;
  dataFolder: string;
}

/** Plays the story and prints it; true when it came out as it must. */
export async function tellStory(platform: Perennial, place: StoryPlace): Promise<boolean> {
  const days = seattleDays();
  const timeline = new Timeline(platform);
  await begin(
    platform,
    days.filter((day) => day.date < playFrom),
    timeline,
  );

  const app = new ClientApp(platform, { address: place.grpcAddress, token: place.token });
  const desk = await Producer.start(platform, source, 'weather-desk');
  const garden = await Producer.start(platform, source, 'garden-station');
  try {
    for (const day of days.filter(({ date }) => date >= playFrom && date <= playTo)) {
      timeline.progress(day.date);
      await playDay(platform, day, { app, desk, garden });
      await timeline.follow(day.date);
      if (day.date === brokenTo) await repair(platform, timeline, day.date);
      if (isMonthsLast(day.date)) timeline.say(day.date, await monthText(platform, system, day.date));
    }
    const switches = await switchChampions(
      platform,
      app,
      days.find(({ date }) => date === playTo) as Day,
      timeline,
    );
    return await checkStory(platform, {
      days,
      app,
      timeline,
      switches,
      dataFolder: place.dataFolder,
      playFrom,
      playTo,
    });
  } finally {
    app.close();
    await Promise.all([desk.stop(), garden.stop()]);
  }
}

async function begin(platform: Perennial, history: Day[], timeline: Timeline): Promise<void> {
  await platform.applySystem(readFileSync(new URL('../system.yaml', import.meta.url), 'utf8'));
  timeline.say('2012-01-01', `${system} is applied; ${history.length} days of history come in`);
  const lines = (rows: unknown[]) => rows.map((row) => JSON.stringify(row)).join('\n');
  await platform.publish(source, 'rows', lines(history.map(morningRow)), {
    producer: 'history',
    format: 'jsonl',
  });
  await platform.publish(source, 'labels', lines(history.map(eveningLabel)), {
    producer: 'history',
    format: 'jsonl',
  });
  const last = history.at(-1)?.date ?? '';
  await waitFor(
    'the first champion',
    async () => {
      const answer = await platform.call<{ summary?: { champion?: number; activity?: string } }>(
        'GET',
        `/v1/systems/${system}`,
      );
      return answer.summary?.champion === 1 && (await platform.watermark(system)).settled;
    },
    { withinMs: settleWithinMs, everyMs: 250 },
  );
  await timeline.follow(last);
  await platform.call('POST', `/v1/systems/${system}/shadows`, {
    json: { reference: '1', requested_by: 'story' },
  });
  timeline.say(last, 'version 1 stays as a standing shadow: it answers every request and is never served');
}

async function playDay(
  platform: Perennial,
  day: Day,
  { app, desk, garden }: { app: ClientApp; desk: Producer; garden: Producer },
): Promise<void> {
  const isBroken = day.date >= brokenFrom && day.date <= brokenTo;
  const row = morningRow(day);
  if (isBroken)
    await garden.publish('rows', `garden-${day.date}`, { ...row, temp_min: fahrenheit(row.temp_min) });
  else await desk.publish('rows', `desk-${day.date}`, row);
  await app.ask(day);
  await desk.publish('labels', `desk-label-${day.date}`, eveningLabel(day));
  await settled(platform, { labels: day.date, ...(isBroken ? {} : { rows: day.date }) });
}

async function settled(platform: Perennial, want: { rows?: string; labels: string }): Promise<void> {
  await waitFor(
    `the platform to settle at ${want.labels}`,
    async () => (await platform.watermark(system, { ...want, waitMs: 10_000 })).settled,
    {
      withinMs: settleWithinMs,
      everyMs: 5,
    },
  );
}

async function repair(platform: Perennial, timeline: Timeline, date: string): Promise<void> {
  const held = await platform.call<{
    entries?: { rows?: number; producer?: string; findings?: Record<string, string>[] }[];
  }>('GET', `/v1/quarantine?source=${source}`);
  const entries = held.entries ?? [];
  const first = entries.at(-1)?.findings?.[0];
  const rows = entries.reduce((sum, entry) => sum + (entry.rows ?? 0), 0);
  timeline.say(
    date,
    `${rows} rows are in quarantine: ${first?.['suspected_cause']}; column ${first?.['column']}, producer ${first?.['producer']}; ${first?.['evidence']}`,
  );
  const answer = await platform.call<{ rows_repaired?: number; rows_still_held?: number }>(
    'POST',
    '/v1/quarantine/repair',
    {
      json: {
        source,
        producer: 'garden-station',
        column: 'temp_min',
        expression: '(temp_min - 32) / 1.8',
        repaired_by: 'story',
      },
    },
  );
  timeline.say(
    date,
    `repaired: ${answer.rows_repaired ?? 0} rows came back as verified, ${answer.rows_still_held ?? 0} still held`,
  );
  await settled(platform, { labels: date, rows: date });
  await timeline.follow(date);
}

function isMonthsLast(date: string): boolean {
  const next = new Date(Date.parse(date) + 86_400_000).toISOString();
  return next.slice(0, 7) !== date.slice(0, 7);
}

function fahrenheit(celsius: number): number {
  return Math.round((celsius * 1.8 + 32) * 10) / 10;
}
