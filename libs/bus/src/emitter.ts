import { create, type DescMessage, type MessageInitShape, toJson } from '@bufbuild/protobuf';
import { type EventKind, eventSubject, eventType } from '@perennial/contracts';
import type { Tx } from '@perennial/db';
import { type Clock, canonicalJson, limits, PlatformError, uuidv7 } from '@perennial/kernel';
import { sql } from 'kysely';
import { encodeHeader, eventHeaders, sourceOf } from './event-headers.js';
import { outboxChannel } from './outbox-channel.js';
import { traceHeaders } from './trace.js';

/**
 * Tells an event: it is written into the outbox in the caller's transaction, and published when that commits. Locks the
 * aggregate's version to the end of the transaction, so that the order of one aggregate's events is that of the commits.
 */
export type Emitter = <E extends EventKind>(
  event: E,
  aggregateId: string,
  body: MessageInitShape<E['schema']>,
) => Promise<void>;

/** What led to the events that are told. */
export interface Cause {
  readonly correlationId?: string | undefined;
  readonly causationId?: string | undefined;
  readonly traceparent?: string | undefined;
}

export type PutArtifact = (bytes: Uint8Array) => Promise<{ digest: string }>;

export interface EmitterOptions extends Cause {
  readonly tenant: string;
  readonly service: string;
  readonly clock: Clock;
  /** For bodies over 64 KiB. */
  readonly putArtifact?: PutArtifact | undefined;
}

/**
 * An emitter for one transaction. Without a correlation id the event begins a chain, named by its own id.
 *
 * @throws (its calls) PlatformError EVENT_TOO_LARGE; RangeError on names that cannot stand in a subject
 */
export function emitterFor(tx: Tx, options: EmitterOptions): Emitter {
  return async (event, aggregateId, body) => {
    const id = uuidv7(options.clock);
    const subject = eventSubject(event, options.tenant, aggregateId);
    const { data, dataref } = await claimCheck(bodyOf(event.schema, body), event, options.putArtifact);
    const headers = headersOf(event, aggregateId, { id, dataref, ...options });
    await sql`
      with next as (
        insert into outbox_version (tenant, aggregate, aggregate_id, version)
        values (${options.tenant}, ${event.aggregate}, ${aggregateId}, 1)
        on conflict (tenant, aggregate, aggregate_id) do update set version = outbox_version.version + 1
        returning version
      ), told as (
        insert into outbox
          (event_id, stream, subject, headers, body, tenant, aggregate, aggregate_id, aggregate_version)
        select ${id}::uuid, ${event.stream}, ${subject}, ${JSON.stringify(headers)}::jsonb, ${Buffer.from(data)}::bytea,
          ${options.tenant}, ${event.aggregate}, ${aggregateId}, version from next
        returning id
      )
      select pg_notify(${sql.lit(outboxChannel)} || current_schema(), '') from told`.execute(tx);
  };
}

/** Canonical ProtoJSON in UTF-8. */
function bodyOf<D extends DescMessage>(schema: D, body: MessageInitShape<D>): Uint8Array {
  return new TextEncoder().encode(canonicalJson(toJson(schema, create(schema, body))));
}

async function claimCheck(
  data: Uint8Array,
  event: EventKind,
  putArtifact: PutArtifact | undefined,
): Promise<{ data: Uint8Array; dataref?: string }> {
  if (data.length <= limits.eventBodyBytesMax) return { data };
  if (putArtifact) return { data: new Uint8Array(), dataref: (await putArtifact(data)).digest };
  throw new PlatformError(
    'EVENT_TOO_LARGE',
    'us',
    'never',
    `${event.name}: a body of ${data.length} bytes is over ${limits.eventBodyBytesMax}; store it as an artifact`,
  );
}

function headersOf(
  event: EventKind,
  aggregateId: string,
  o: EmitterOptions & { readonly id: string; readonly dataref: string | undefined },
): Record<string, string> {
  const { traceparent, tracestate } = traceHeaders(o.traceparent);
  const attributes: Record<string, string | undefined> = {
    [eventHeaders.specversion]: '1.0',
    [eventHeaders.id]: o.id,
    [eventHeaders.type]: eventType(event),
    [eventHeaders.source]: sourceOf(o.service),
    [eventHeaders.subject]: aggregateId,
    [eventHeaders.time]: new Date(o.clock.now()).toISOString(),
    [eventHeaders.datacontenttype]: 'application/json',
    [eventHeaders.tenant]: o.tenant,
    [eventHeaders.correlationid]: o.correlationId || o.id,
    [eventHeaders.causationid]: o.causationId || undefined,
    [eventHeaders.traceparent]: traceparent,
    [eventHeaders.tracestate]: tracestate,
    [eventHeaders.dataref]: o.dataref,
  };
  const entries = Object.entries(attributes).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return Object.fromEntries(entries.map(([name, value]) => [name, encodeHeader(value)]));
}
