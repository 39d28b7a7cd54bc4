import { create, toJson } from '@bufbuild/protobuf';
import { type EventKind, events, eventType } from '@perennial/contracts';
import { expect, test } from 'vitest';
import type { Entry, JsonObject } from '../../src/decide/entry.js';
import { mentionsOf } from '../../src/decide/mentions.js';
import { sentenceOf } from '../../src/decide/sentences.js';
import { formatSubject, parseSubject, subjectKinds } from '../../src/decide/subject.js';

function entry(type: string, body: JsonObject): Entry {
  return {
    content: new Uint8Array(),
    eventId: 'id',
    eventType: type,
    subject: 'subject',
    service: 'service',
    causationId: '',
    correlationId: '',
    occurredAt: new Date(0),
    aggregateVersion: 1,
    body,
    dataref: undefined,
  };
}

const kinds: EventKind[] = Object.values(events);

test.each(kinds.map((kind) => [kind.name, kind] as const))(
  '%s has a sentence, whatever it leaves out',
  (_name, kind) => {
    const text = sentenceOf(entry(eventType(kind), toJson(kind.schema, create(kind.schema)) as JsonObject));
    expect(text).not.toMatch(/undefined|NaN|\[object|cannot be read|does not know|\n/);
    expect(text).not.toMatch(/\.$/);
  },
);

test('a body that does not fit its kind is named by its kind', () => {
  const text = sentenceOf(entry('io.perennial.model.promoted.v1', { version: 'three' }));
  expect(text).toBe('An alias moved (its body cannot be read)');
});

test('an event is found under every thing that its body names', () => {
  const body = { system: 's', alias: 'champion', version: 3, previousVersion: 2, rolloutId: 'r' };
  expect(mentionsOf(entry('io.perennial.model.promoted.v1', body))).toEqual([
    'alias:s@champion',
    'model:s@3',
    'rollout:r',
    'system:s',
  ]);
  // The version of a system is not that of a model.
  expect(mentionsOf(entry('io.perennial.system.applied.v1', { system: 's', version: 3 }))).toEqual([
    'system:s',
  ]);
  expect(
    mentionsOf(entry('io.perennial.segment.verified.v1', { segmentId: 'x', digest: 'sha256:d' })),
  ).toEqual(['digest:sha256:d', 'segment:x']);
});

test.each(subjectKinds)('a subject of kind %s is read as it is written', (kind) => {
  const text = kind === 'model' ? 'model s@champion' : `${kind} some-id`;
  expect(formatSubject(parseSubject(text))).toBe(text);
  expect(formatSubject(parseSubject('  model   s '))).toBe('model s@champion');
});
