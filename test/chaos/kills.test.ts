import path from 'node:path';
import { type Platform, startPlatform } from '@perennial/local';
import { tempDir } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { days } from './days.js';
import { type FinalState, history, ShortStory } from './short-story.js';

/** Spring, in which the winter's model decays: the kills meet a review, a training run and a rollout. */
const played = days('2012-04-01', '2012-05-20');
const from = '2012-01-01';
const to = '2012-06-01';
/** Kills happen at moments drawn from this seed; a failing run is played again by setting CHAOS_SEED. */
const seed = Number(process.env['CHAOS_SEED'] ?? Date.now() % 1_000_000);

async function playOn(
  disturb: (platform: Platform, day: number) => () => void,
): Promise<{ platform: Platform; state: FinalState }> {
  const platform = await startPlatform({ dataDir: path.join(tempDir('chaos'), 'data') });
  try {
    const story = await ShortStory.begin(platform);
    for (const [index, day] of played.entries()) {
      const calm = disturb(platform, index);
      await story.play(day);
      calm();
    }
    await platform.untilReady();
    await story.settled(played.at(-1)?.date ?? '');
    const state = await story.finalState(from, to);
    await story.close();
    return { platform, state };
  } catch (error) {
    await platform.stop();
    throw error;
  }
}

let undisturbed: FinalState;
const platforms: Platform[] = [];

beforeAll(async () => {
  const { platform, state } = await playOn(() => () => {});
  await platform.stop();
  undisturbed = state;
});

afterAll(async () => {
  for (const platform of platforms) await platform.stop();
});

test(`kill -9 of everything in turn, at random moments, ends in the same final state (seed ${seed})`, async () => {
  const random = randomFrom(seed);
  const victims: string[] = [];
  const { platform, state } = await playOn((platform, day) => {
    if (victims.length === 0) victims.push(...platform.names);
    // Two days between kills, so that one outage is seen by itself; each name has its turn, then all once more.
    if (day % 2 === 1) return () => {};
    const name = victims[(day / 2) % victims.length] as string;
    const timer = setTimeout(() => platform.kill(name), random() * 400);
    return () => clearTimeout(timer);
  });
  platforms.push(platform);
  const killed = platform.names.filter((name) => platform.restarts(name) > 0);
  process.stdout.write(`chaos: seed ${seed}; killed and back: ${killed.join(', ')}\n`);
  expect(state.features).toEqual(undisturbed.features);
  expect(state.features).toHaveLength(history.length + played.length);
  expect(state.rowsTaken).toBe(history.length + played.length);
  expect(state.labelsTaken).toBe(history.length + played.length);
  expect(state.labelled).toBe(undisturbed.labelled);
  expect(state.versions).toBeGreaterThanOrEqual(1);
  expect(state.runsOfVersions).toBe(state.versions);
  expect(state.versions).toBe(state.runsCompleted);
  expect(state.auditProblems).toEqual([]);
  expect(state.isVerified).toBe(true);
  expect(state.openDeadLetters).toBe(0);
  expect(killed.length).toBeGreaterThanOrEqual(platform.names.length - 2);
});

test('the undisturbed story is whole too, and its spring was noticed', () => {
  expect(undisturbed.features).toHaveLength(history.length + played.length);
  expect(undisturbed.labelled).toBe(played.length);
  expect(undisturbed.versions).toBeGreaterThanOrEqual(2);
  expect(undisturbed.isVerified).toBe(true);
  expect(undisturbed.openDeadLetters).toBe(0);
});

/** Numbers in [0, 1) from a seed (mulberry32). */
function randomFrom(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
