import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  arrivalSubject,
  arrivalsOfProducer,
  eventFilter,
  eventKindOf,
  eventSubject,
  events,
  eventType,
  isName,
  parseArrivalSubject,
  parseEventSubject,
  predictionSubject,
  replicaSubject,
} from '../src/mod.js';

const name = fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,20}$/);

test('a name from outside can never widen a subject: it is one harmless token, or it is refused', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const build = () => [
        arrivalSubject({ arrival: 'rows', tenant: 'default', source: text, producer: 'desk' }),
        predictionSubject('default', text),
        replicaSubject('default', 'cpu', text),
        eventSubject(events.segmentRecorded, text, 'id'),
        eventSubject(events.segmentRecorded, 'default', text),
        ...arrivalsOfProducer('default', text),
      ];
      if (!isName(text)) expect(build).toThrow(RangeError);
      else for (const subject of build()) expect(subject).toMatch(/^[a-z0-9_.*-]+$/);
    }),
  );
  for (const text of ['>', '*', 'a.b', 'a b', '', 'ä', '../x', 'A', 'a'.repeat(65), '-a', 'a\n']) {
    expect(isName(text), text).toBe(false);
  }
});

test('what is built can be read back, and nothing else is', () => {
  fc.assert(
    fc.property(name, name, name, (tenant, source, producer) => {
      const place = { arrival: 'labels' as const, tenant, source, producer };
      expect(parseArrivalSubject(arrivalSubject(place))).toEqual(place);
      expect(parseEventSubject(eventSubject(events.modelPromoted, tenant, source))).toEqual({
        tenant,
        aggregate: 'model',
        verb: 'promoted',
        major: 1,
        aggregateId: source,
      });
    }),
  );
  for (const subject of ['rows.default.weather', 'rows.a.b.c.d', 'evt.a.b.c', 'rows.a..c', 'obs.a.b.c', '']) {
    expect(parseArrivalSubject(subject)).toBeUndefined();
  }
  expect(parseEventSubject('evt.default.model.promoted.v1.id.more')).toBeUndefined();
});

test('every kind of event has a type and a filter of its own, and is found by its type', () => {
  const kinds = Object.values(events);
  expect(new Set(kinds.map(eventType)).size).toBe(kinds.length);
  expect(new Set(kinds.map(eventFilter)).size).toBe(kinds.length);
  for (const kind of kinds) {
    expect(eventKindOf(eventType(kind))).toBe(kind);
    expect(isName(kind.aggregate) && isName(kind.verb)).toBe(true);
  }
  expect(eventKindOf('io.perennial.model.renamed.v9')).toBeUndefined();
});
