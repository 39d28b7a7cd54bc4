import type { EventKind } from './catalogue.js';

/**
 * The only place that builds or parses bus subjects (checked by `npm run tidy`). Tokens are opaque names; anything
 * that could break out of its token is refused, so a name from outside can never widen a subject.
 */

const token = /^[a-z0-9][a-z0-9_-]{0,63}$/;

/** True for a name that may stand in a subject, a key and a path: a-z, 0-9, `_`, `-`; at most 64 characters. */
export function isName(text: string): boolean {
  return token.test(text);
}

function checked(what: string, text: string): string {
  if (!isName(text)) {
    throw new RangeError(
      `${what} "${text}" must be 1 to 64 characters of a-z, 0-9, "-" and "_", beginning with a letter or digit`,
    );
  }
  return text;
}

/** `evt.<tenant>.<aggregate>.<verb>.v<major>.<id>` */
export function eventSubject(event: EventKind, tenant: string, aggregateId: string): string {
  return `evt.${checked('tenant', tenant)}.${event.aggregate}.${event.verb}.v${event.major}.${checked('aggregate id', aggregateId)}`;
}

/** All events of one kind, of every tenant and aggregate. */
export function eventFilter(event: EventKind): string {
  return `evt.*.${event.aggregate}.${event.verb}.v${event.major}.*`;
}

/** All events of one aggregate type, for a stream's definition. */
export function aggregateFilter(aggregate: string): string {
  return `evt.*.${aggregate}.>`;
}

export interface EventSubject {
  tenant: string;
  aggregate: string;
  verb: string;
  major: number;
  aggregateId: string;
}

/** Reads an event subject, or undefined where it is none. */
export function parseEventSubject(subject: string): EventSubject | undefined {
  const [root, tenant, aggregate, verb, version, aggregateId, ...rest] = subject.split('.');
  if (
    root !== 'evt' ||
    !tenant ||
    !aggregate ||
    !verb ||
    !version?.startsWith('v') ||
    !aggregateId ||
    rest.length
  )
    return undefined;
  return { tenant, aggregate, verb, major: Number(version.slice(1)), aggregateId };
}

/** `rows` are data events, `labels` the late truths about them. */
export type Arrival = 'rows' | 'labels';

export interface ArrivalSubject {
  arrival: Arrival;
  tenant: string;
  source: string;
  producer: string;
}

/** `rows.<tenant>.<source>.<producer>` and the same under `labels`. */
export function arrivalSubject({ arrival, tenant, source, producer }: ArrivalSubject): string {
  return `${arrival}.${checked('tenant', tenant)}.${checked('source', source)}.${checked('producer', producer)}`;
}

/** What one producer may publish to: rows and labels of any source, under its own name. */
export function arrivalsOfProducer(tenant: string, producer: string): string[] {
  const own = (arrival: Arrival) =>
    `${arrival}.${checked('tenant', tenant)}.*.${checked('producer', producer)}`;
  return [own('rows'), own('labels')];
}

export const arrivalFilters = { rows: 'rows.>', labels: 'labels.>' } as const;

/** Reads where rows or labels come from, or undefined where the subject is none of ours. */
export function parseArrivalSubject(subject: string): ArrivalSubject | undefined {
  const [arrival, tenant, source, producer, ...rest] = subject.split('.');
  if ((arrival !== 'rows' && arrival !== 'labels') || rest.length) return undefined;
  if (!tenant || !source || !producer || ![tenant, source, producer].every(isName)) return undefined;
  return { arrival, tenant, source, producer };
}

/** `obs.<tenant>.prediction.<deployment>` */
export function predictionSubject(tenant: string, deployment: string): string {
  return `obs.${checked('tenant', tenant)}.prediction.${checked('deployment', deployment)}`;
}

export const predictionFilter = 'obs.*.prediction.*';
export const predictionRoot = 'obs.>';
export const commandRoot = 'cmd.>';

/** `replica.<tenant>.<pool>.<id>`: a replica of inference says that it is there. No stream keeps this. */
export function replicaSubject(tenant: string, pool: string, replicaId: string): string {
  return `replica.${checked('tenant', tenant)}.${checked('pool', pool)}.${checked('replica id', replicaId)}`;
}

/** All replicas of a tenant, in every pool. */
export function replicaFilter(tenant: string): string {
  return `replica.${checked('tenant', tenant)}.>`;
}

/** Advisories of JetStream that name a message nobody could handle. */
export const advisoryFilters = [
  '$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>',
  '$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>',
] as const;

/**
 * Where answers to the services come: messages that they pull, and what the bus says about its streams. Not `_INBOX`,
 * which every producer must be allowed to hear for its own acknowledgements.
 */
export const servicesInbox = '_INBOX_SERVICES';
