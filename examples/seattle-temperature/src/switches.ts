import type { Perennial } from '@perennial/client';
import { waitFor } from '@perennial/kernel';
import { type ClientApp, system } from './client-app.js';
import type { Day } from './days.js';
import type { Timeline } from './timeline.js';

export interface Switches {
  rollbackMs: number;
  forwardMs: number;
  requests: number;
}

interface Move {
  from_version?: number;
  to_version?: number;
}

/** Rolls back and forward while requests keep coming: none may fail. */
export async function switchChampions(
  platform: Perennial,
  app: ClientApp,
  day: Day,
  timeline: Timeline,
): Promise<Switches> {
  const askedBefore = app.asked;
  let isOver = false;
  const traffic = (async () => {
    while (!isOver) await app.ask(day);
  })();
  try {
    await waitFor('some requests before the switch', () => app.asked >= askedBefore + 10);
    const back = await timed(() =>
      platform.call<Move>('POST', `/v1/systems/${system}/rollback`, {
        json: { reason: 'to show that it can be undone', requested_by: 'story' },
      }),
    );
    timeline.say(
      day.date,
      `rollback: version ${back.answer.from_version} → ${back.answer.to_version} in ${back.ms} ms; promotions are held`,
    );
    const askedBetween = app.asked;
    await waitFor('some requests between the switches', () => app.asked >= askedBetween + 10);
    const forward = await timed(() =>
      platform.call<Move>('POST', `/v1/systems/${system}/promote`, {
        json: {
          reference: String(back.answer.from_version),
          reason: 'forward again after the rollback',
          requested_by: 'story',
        },
      }),
    );
    await platform.call('POST', `/v1/systems/${system}/resume`, { json: { requested_by: 'story' } });
    timeline.say(
      day.date,
      `forward again: version ${forward.answer.from_version} → ${forward.answer.to_version} in ${forward.ms} ms`,
    );
    const askedAfter = app.asked;
    await waitFor('some requests after the switches', () => app.asked >= askedAfter + 10);
    return { rollbackMs: back.ms, forwardMs: forward.ms, requests: app.asked - askedBefore };
  } finally {
    isOver = true;
    await traffic;
  }
}

async function timed<T>(work: () => Promise<T>): Promise<{ answer: T; ms: number }> {
  const start = performance.now();
  const answer = await work();
  return { answer, ms: Math.round(performance.now() - start) };
}
