import { readFile } from 'node:fs/promises';
import { create } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  type AddProducerRequest,
  AddProducerResponseSchema,
  arrivalSubject,
  events,
  type ListDeliveriesRequest,
  ListDeliveriesResponseSchema,
  type ListProducersRequest,
  ListProducersResponseSchema,
} from '@perennial/contracts';
import { PlatformError } from '@perennial/kernel';
import { mintProducerCredentials } from '../effects/producer-credentials.js';
import { listDeliveries, listProducers, saveProducer } from '../producers/store.js';
import { segmentKind } from '../record.js';
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

/** Producers of a source, or of all, with the sums of what they sent. */
export async function producersOf({ db, tenant }: RpcContext, { source }: ListProducersRequest) {
  const producers = await listProducers(db, tenant, source);
  return create(ListProducersResponseSchema, {
    producers: producers.map((row) => ({
      source: row.source,
      producer: row.producer,
      rows: BigInt(row.rows),
      bytes: BigInt(row.bytes),
      duplicates: BigInt(row.duplicates),
      refused: BigInt(row.refused),
      late: BigInt(row.late),
      ways: row.ways,
      hasBusCredential: row.public_key !== '',
      ...(row.last_event_time && { lastEventTime: timestampFromDate(row.last_event_time) }),
      ...(row.first_received_at && { firstReceivedAt: timestampFromDate(row.first_received_at) }),
      ...(row.last_received_at && { lastReceivedAt: timestampFromDate(row.last_received_at) }),
    })),
  });
}

const weekMs = 7 * 86_400_000;
const listedDefault = 100;
const listedMax = 1_000;

/** What was sent, by the hour of arrival, newest first. */
export async function deliveriesOf(
  { db, tenant, clock }: RpcContext,
  { source, producer, since, limit }: ListDeliveriesRequest,
) {
  const deliveries = await listDeliveries(db, {
    tenant,
    source,
    producer,
    since: since ? timestampDate(since) : new Date(clock.now() - weekMs),
    limit: Math.min(limit || listedDefault, listedMax),
  });
  return create(ListDeliveriesResponseSchema, {
    deliveries: deliveries.map(
      ({ hour, kind, messages, rows, duplicates, refused, late, bytes, ...row }) => ({
        source: row.source,
        producer: row.producer,
        way: row.way,
        kind: segmentKind(kind),
        hour: timestampFromDate(hour),
        messages: BigInt(messages),
        rows: BigInt(rows),
        duplicates: BigInt(duplicates),
        refused: BigInt(refused),
        late: BigInt(late),
        bytes: BigInt(bytes),
      }),
    ),
  });
}
