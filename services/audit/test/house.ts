import { pathToFileURL } from 'node:url';
import { create, type DescMessage, type MessageInitShape, toJson } from '@bufbuild/protobuf';
import { openArtifacts } from '@perennial/artifacts';
import { eventHeaders } from '@perennial/bus';
import { type EventKind, eventSubject, eventType } from '@perennial/contracts';
import { migrate, openDatabase } from '@perennial/db';
import { canonicalJson } from '@perennial/kernel';
import { postgresForTests, tempDir } from '@perennial/testkit';
import { append } from '../src/append.js';
import { type EventMessage, entryOf } from '../src/decide/entry.js';
import { openSigner } from '../src/effects/signer.js';
import { Listings } from '../src/listings.js';
import type { RpcContext } from '../src/rpc/context.js';
import { Store } from '../src/store.js';
import { ours } from '../src/tables.js';

export const tenant = 'default';
export const migrations = new URL('../migrations/', import.meta.url);

export interface Told {
  readonly id: string;
  /** The event that caused it; empty for none. */
  readonly cause?: string;
  /** Seconds after the story's beginning. */
  readonly at?: number;
  readonly version?: number;
}

export interface ToldEvent extends EventMessage {
  readonly id: string;
  readonly headers: Record<string, string>;
}

/** An event as the bus would carry it. */
export function told<D extends DescMessage>(
  event: EventKind<D>,
  aggregateId: string,
  body: MessageInitShape<D>,
  { id, cause = '', at = 0, version = 1 }: Told,
): ToldEvent {
  const json = canonicalJson(toJson(event.schema, create(event.schema, body)));
  const headers: Record<string, string> = {
    [eventHeaders.specversion]: '1.0',
    [eventHeaders.id]: id,
    [eventHeaders.type]: eventType(event as EventKind),
    [eventHeaders.source]: `/perennial/${event.producer}`,
    [eventHeaders.subject]: aggregateId,
    [eventHeaders.time]: new Date(Date.UTC(2026, 0, 1) + at * 1000).toISOString(),
    [eventHeaders.datacontenttype]: 'application/json',
    [eventHeaders.tenant]: tenant,
    [eventHeaders.sequence]: String(version),
    [eventHeaders.correlationid]: 'story',
    ...(cause && { [eventHeaders.causationid]: cause }),
  };
  return {
    id,
    headers,
    subject: eventSubject(event as EventKind, tenant, aggregateId),
    data: new TextEncoder().encode(json),
    attribute: (name) => headers[eventHeaders[name]],
  };
}

/** The service's inside on a real database, without a bus. */
export async function openLog({ keyFile = '' } = {}) {
  const created = await (await postgresForTests()).createDatabase();
  const database = await openDatabase({ url: created.url, schema: 'audit' });
  await migrate(database, migrations);
  const db = ours(database.db);
  const origin = `example.org/audit/${tenant}`;
  const open = () => openSigner({ db, tenant, origin, keyFile, now: new Date(0) });
  const signer = await open();
  const artifacts = await openArtifacts({ url: pathToFileURL(tempDir('artifacts')).href });
  const context: RpcContext = {
    tenant,
    db,
    store: new Store(db, tenant),
    listings: new Listings(db, tenant),
    artifacts,
    signer,
    keyFile,
  };
  const refused: string[] = [];
  const record = (messages: readonly EventMessage[]) =>
    db.transaction().execute((tx) =>
      append(
        new Store(tx, tenant),
        { entries: messages.map(entryOf), signer, now: new Date(0) },
        async (entry) => {
          refused.push(entry.eventId);
        },
      ),
    );
  return {
    context,
    record,
    refused,
    openSigner: open,
    sql: (text: string) => database.pool.query(text),
    close: async () => {
      await database.close();
      await created.drop();
    },
  };
}

export type LogForTests = Awaited<ReturnType<typeof openLog>>;
