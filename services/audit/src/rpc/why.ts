import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { type EventKind, events, eventType } from '@perennial/contracts';
import { type CauseRule, causesOf } from '../decide/causes.js';
import { type Link, orderChain, type RecordedEvent } from '../decide/chain.js';
import { sentenceOf } from '../decide/sentences.js';
import { formatSubject, parseSubject } from '../decide/subject.js';
import { withBody } from '../effects/bodies.js';
import type { RpcContext } from './context.js';
import { findSubject } from './find-subject.js';

/** A chain of a model has some twenty events; this bounds one that went astray. */
const stepsMax = 200;

const typeByName = new Map<string, string>(
  Object.values(events).map((kind: EventKind) => [kind.name, eventType(kind)]),
);

/** The causal chain that led to a subject: every effect before its causes, the latest first. */
export async function why(context: RpcContext, request: { subject: string }) {
  const subject = parseSubject(request.subject);
  const start = await findSubject(context.listings, subject);
  const links = await collectLinks(context, start);
  const steps = orderChain(start.entry.eventId, links).map(({ event: { entry }, depth }) => ({
    eventId: entry.eventId,
    eventType: entry.eventType,
    service: entry.service,
    occurredAt: timestampFromDate(entry.occurredAt),
    text: sentenceOf(entry),
    depth,
  }));
  return { subject: formatSubject(subject), steps };
}

async function collectLinks(context: RpcContext, start: RecordedEvent): Promise<Map<string, Link>> {
  const links = new Map<string, Link>();
  const queue = [start];
  for (let event = queue.shift(); event && links.size < stepsMax; event = queue.shift()) {
    if (links.has(event.entry.eventId)) continue;
    const entry = await withBody(context.artifacts, event.entry);
    const causes: RecordedEvent[] = [];
    for (const rule of causesOf(entry)) {
      const cause = await find(context, rule, event);
      if (cause && cause.entry.eventId !== entry.eventId) causes.push(cause);
    }
    links.set(entry.eventId, {
      event: { index: event.index, entry },
      causes: [...new Set(causes.map((cause) => cause.entry.eventId))],
    });
    queue.push(...causes);
  }
  return links;
}

async function find(
  { listings }: RpcContext,
  rule: CauseRule,
  effect: RecordedEvent,
): Promise<RecordedEvent | undefined> {
  if (rule.by === 'event') return listings.event(rule.eventId);
  const types = rule.kinds.flatMap((kind) => typeByName.get(kind) ?? []);
  return listings.latest(rule.thing, types, rule.before ? effect : undefined);
}
