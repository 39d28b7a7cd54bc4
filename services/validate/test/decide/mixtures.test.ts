import { expect, test } from 'vitest';
import { judgeSegment, type Knowledge, noKnowledge } from '../../src/rules/judge-segment.js';
import type { JudgedRow } from '../../src/schema/value.js';

const context = { timeColumn: '_p_event_time', now: Date.parse('2026-01-01') };
const labels = 600;
const segmentRows = 60;
const seeds = Array.from({ length: 10 }, (_, i) => i + 1);

/** Numbers from 0 up to 1: Park and Miller's generator (Communications of the ACM 31, 1988). */
function randomOf(seed: number): () => number {
  let state = seed * 7_919;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** Rules that hold rows of one producer's labels, which come in ten segments, each an hour a row. */
function heldOf(seed: number, fareOf: (random: () => number, segment: number) => number): string[] {
  const random = randomOf(seed);
  let known: Knowledge = noKnowledge;
  const held: string[] = [];
  for (let at = 0; at < labels; at += segmentRows) {
    const rows = Array.from({ length: segmentRows }, (_, i): JudgedRow => {
      const eventTime = Date.parse('2020-01-01') + (at + i) * 3_600_000;
      return { rowId: `l${at + i}`, eventTime, values: { fare: fareOf(random, at / segmentRows) } };
    });
    const verdict = judgeSegment(rows, known, context);
    held.push(...verdict.held.flatMap(({ violations }) => violations.map(({ rule }) => rule)));
    known = verdict.after;
  }
  return held;
}

const upTo = (random: () => number, max: number) => Math.floor(random() * (max + 1));
const fare = (distance: number, city: number, level: number) => 3 + 2 * distance + 4 * city + 10 * level;

test.each<[string, (random: () => number, segment: number) => number]>([
  ['any city and class', (random) => fare(1 + upTo(random, 19), upTo(random, 2), upTo(random, 2))],
  ['a class that is rare', (random) => fare(1 + upTo(random, 8), upTo(random, 2), random() < 0.05 ? 2 : 0)],
  [
    'another city and class in each segment',
    (random, segment) => fare(1 + upTo(random, 7), segment % 5, (segment % 5) >> 1),
  ],
  [
    'half units and a rare surcharge',
    (random) => 2.5 * (2 + upTo(random, 8)) + 4 * upTo(random, 3) + (random() < 0.1 ? 20 : 0),
  ],
])('fares of a few whole parts are no thermometer: %s', (_, fareOf) => {
  expect(seeds.flatMap((seed) => heldOf(seed, fareOf))).toEqual([]);
});

test('fares by the metre are none either: a surcharge on each tenth row is a part of the mixture', () => {
  const fareOf = (random: () => number) =>
    Math.round((5 + 16 * random() + 4 * upTo(random, 3) + (random() < 0.1 ? 20 : 0)) * 100) / 100;
  expect(seeds.flatMap((seed) => heldOf(seed, fareOf))).toEqual([]);
});
