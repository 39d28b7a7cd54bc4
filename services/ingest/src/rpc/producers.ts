import { readFile } from 'node:fs/promises';
import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  type AddProducerRequest,
  AddProducerResponseSchema,
  arrivalSubject,
  events,
  type ListProducersRequest,
  ListProducersResponseSchema,
  ListSourcesResponseSchema,
} from '@perennial/contracts';
import { PlatformError } from '@perennial/kernel';
import { mintProducerCredentials } from '../effects/producer-credentials.js';
import { segmentKind } from '../record.js';
import { listProducers, listSources, saveProducer } from '../store.js';
import type { ProducerSettings, RpcContext } from './context.js';
import { checkName } from './known-source.js';

/** Makes a producer and its credential. Asked again it makes a further credential; earlier ones stay good. */
export async function addProducer(context: RpcContext, { source, producer }: AddProducerRequest) {
  checkName('source', source);
  checkName('producer', producer);
  const settings = context.producerCredentials;
  if (!settings) throw notConfigured();
  const { tenant } = context;
  const subjects = (['rows', 'labels'] as const).map((arrival) =>
    arrivalSubject({ arrival, tenant, source, producer }),
  );
  const { text, publicKey } = await mintProducerCredentials({
    accountSeed: await seedOf(settings),
    ...(settings.account !== undefined && { accountPublicKey: settings.account }),
    name: `${source}-${producer}`,
    publish: subjects,
  });
  await context.transact(async (tx, emit) => {
    await saveProducer(tx, { tenant, source, producer, publicKey });
    await emit(events.sourceProducerAdded, source, { source, producer, publicKey });
  });
  return create(AddProducerResponseSchema, { natsCredentials: text, natsUrl: settings.natsUrl, subjects });
}

async function seedOf({ signingSeedFile }: ProducerSettings): Promise<string> {
  try {
    return await readFile(signingSeedFile, 'utf8');
  } catch (cause) {
    throw new PlatformError(
      'PRODUCER_SEED_UNREADABLE',
      'us',
      'after',
      'the key that signs credentials of producers cannot be read; see the log',
      { internal: signingSeedFile, cause },
    );
  }
}

function notConfigured(): PlatformError {
  return new PlatformError(
    'PRODUCERS_NOT_CONFIGURED',
    'us',
    'never',
    'this platform makes no credentials: set PERENNIAL_PRODUCER_SIGNING_SEED_FILE and PERENNIAL_NATS_PUBLIC_URL for ingest',
  );
}

export async function producersOf({ db, tenant }: RpcContext, { source }: ListProducersRequest) {
  const producers = await listProducers(db, tenant, source);
  return create(ListProducersResponseSchema, {
    producers: producers.map((row) => ({
      source: row.source,
      producer: row.producer,
      rows: BigInt(row.rows),
      ...(row.last_event_time && { lastEventTime: timestampFromDate(row.last_event_time) }),
      ...(row.last_received_at && { lastReceivedAt: timestampFromDate(row.last_received_at) }),
    })),
  });
}

export async function sourcesOf({ db, tenant }: RpcContext) {
  const sources = await listSources(db, tenant);
  return create(ListSourcesResponseSchema, {
    sources: sources.map((row) => ({
      source: row.source,
      kind: segmentKind(row.kind),
      rows: BigInt(row.rows),
      segments: row.segments,
      ...(row.lastEventTime && { lastEventTime: timestampFromDate(row.lastEventTime) }),
    })),
  });
}
