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

/** About as long as an undisturbed day lasts, so that every moment of one has its chance. */
const killWithinMs = 250;

/** `disturb` is called as each day begins; what it promises is waited for before the final state is looked at. */
async function playOn(
  disturb: (platform: Platform, day: number) => Promise<void>,
): Promise<{ platform: Platform; state: FinalState }> {
  const platform = await startPlatform({ dataDir: path.join(tempDir('chaos'), 'data') });
  let story: ShortStory | undefined;
  try {
    story = await ShortStory.begin(platform);
    const disturbances: Promise<void>[] = [];
    for (const [index, day] of played.entries()) {
      disturbances.push(disturb(platform, index));
      await story.play(day);
    }
    await Promise.all(disturbances);
    await platform.untilReady();
    await story.settled(played.at(-1)?.date ?? '');
    return { platform, state: await story.finalState(from, to) };
  } catch (error) {
    await platform.stop();
    throw error;
  } finally {
    await story?.close();
  }
}

let undisturbed: FinalState;
const platforms: Platform[] = [];

beforeAll(async () => {
  const { platform, state } = await playOn(async () => {});
  await platform.stop();
  undisturbed = state;
});

afterAll(async () => {
  for (const platform of platforms) await platform.stop();
});

test(`kill -9 of everything in turn, at random moments, ends in the same final state (seed ${seed})`, async () => {
  const random = randomFrom(seed);
  let turn = 0;
  const { platform, state } = await playOn(async (platform, day) => {
    // Two days between kills, so that an outage is mostly seen by itself; whoever is down already has had its turn.
    if (day % 2 === 1) return;
    const name = platform.names[turn++ % platform.names.length] as string;
    await new Promise<void>((killed) => {
      const kill = () => killed(void platform.kill(name));
      setTimeout(kill, random() * killWithinMs);
    });
  });
  platforms.push(platform);
  const killed = platform.names.filter((name) => platform.restarts(name) > 0);
  process.stdout.write(`chaos: seed ${seed}; killed and back: ${killed.join(', ')}\n`);
  expect(state.features).toEqual(undisturbed.features);
  expect(state.features).toHaveLength(history.length + played.length);
  expect(state.rowsTaken).toBe(history.length + played.length);
  expect(state.labelsTaken).toBe(history.length + played.length);
  // A killed gateway takes the one prediction with it that it had answered and the bus had not taken yet: it keeps nothing.
  expect(state.labelled).toBeGreaterThanOrEqual(undisturbed.labelled - platform.restarts('gateway'));
  expect(state.labelled).toBeLessThanOrEqual(undisturbed.labelled);
  expect(state.versions).toBeGreaterThanOrEqual(1);
  expect(state.runsOfVersions).toBe(state.versions);
  expect(state.versions).toBe(state.runsCompleted);
  expect(state.auditProblems).toEqual([]);
  expect(state.isVerified).toBe(true);
  expect(state.openDeadLetters).toBe(0);
  expect(killed).toEqual([...platform.names]);
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
