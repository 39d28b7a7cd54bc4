import { readFileSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { Perennial, type RequestError } from '@perennial/client';
import {
  SegmentKind,
  SendBatchesRequestSchema,
  type SendBatchesResponse,
  SendBatchesResponseSchema,
  SendRowsRequestSchema,
  type SendRowsResponse,
  SendRowsResponseSchema,
} from '@perennial/contracts';
import { type Platform, startPlatform } from '@perennial/local';
import { openTables, quoteText } from '@perennial/tables';
import { tempDir, waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

const dir = tempDir('ways-in');
let platform: Platform;
let admin: Perennial;
/** A key of the producer "meter", for the source "loads" alone. */
let meter: { secret: string; client: Perennial };

beforeAll(async () => {
  platform = await startPlatform({ dataDir: path.join(dir, 'data') });
  admin = new Perennial({ url: platform.urls.http, token: platform.token });
  for (const name of ['loads', 'others'])
    await admin.sources.apply(`apiVersion: perennial/v1\nkind: Source\nname: ${name}\ntime: at\n`);
  const scope = { sources: ['loads'] };
  const { secret } = await admin.call<{ secret: string }>('POST', '/v1/keys', {
    json: { name: 'meter', role: 'client', scope },
  });
  meter = { secret, client: new Perennial({ url: platform.urls.http, token: secret }) };
});
afterAll(() => platform?.stop());

interface Answer {
  taken: number;
  duplicates: number;
  refused: number;
  first_refusal: string;
}

function post(body: Uint8Array | string, headers: Record<string, string>): Promise<Answer> {
  return meter.client.call('POST', '/v1/sources/loads/rows', { body, headers });
}

test('rows come over HTTP as JSON lines, CSV, Parquet, packed, and as CloudEvents in each form', async () => {
  const jsonl = '{"at":"2024-01-01","kw":1}\n{"kw":2}\n{"at":"2024-01-03","kw":3}\n';
  expect(await post(jsonl, { 'content-type': 'application/jsonl' })).toMatchObject({
    taken: 2,
    refused: 1,
    first_refusal: expect.stringMatching(/^line 2: at is missing/),
  });
  const packed = { 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip' };
  expect(await post(gzipSync(jsonl), packed)).toMatchObject({ taken: 0, duplicates: 2 });
  expect(await post('at,kw\n2024-01-04,4\n', { 'content-type': 'text/csv' })).toMatchObject({ taken: 1 });
  const file = path.join(dir, 'rows.parquet');
  const tables = await openTables({});
  await tables.run(
    `copy (select timestamp '2024-01-05' as at, 5 as kw) to ${quoteText(file)} (format parquet)`,
  );
  await tables.close();
  const parquet = { 'content-type': 'application/vnd.apache.parquet' };
  expect(await post(readFileSync(file), parquet)).toMatchObject({ taken: 1 });
  const event = (id: string, data: unknown) => ({
    specversion: '1.0',
    id,
    source: '/meters/1',
    type: 'read',
    data,
  });
  const structured = { 'content-type': 'application/cloudevents+json' };
  const one = JSON.stringify(event('1', { at: '2024-01-06', kw: 6 }));
  expect(await post(one, structured)).toMatchObject({ taken: 1, duplicates: 0 });
  const binary = { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/meters/1', 'ce-type': 'read' };
  const asBinary = post('{"at":"2024-01-06","kw":6}', { 'content-type': 'application/json', ...binary });
  expect(await asBinary).toMatchObject({ taken: 0, duplicates: 1 });
  const batch = JSON.stringify([
    event('1', { at: '2024-01-06', kw: 6 }),
    event('2', { at: '2024-01-07', kw: 7 }),
  ]);
  const asBatch = post(batch, { 'content-type': 'application/cloudevents-batch+json' });
  expect(await asBatch).toMatchObject({ taken: 1, duplicates: 1 });
});

test('what cannot be taken is told with a status, a code and the place', async () => {
  const refusal = async (work: Promise<unknown>) => (await work.catch((error) => error)) as RequestError;
  const unknown = await refusal(post('x', { 'content-type': 'image/png' }));
  expect([unknown.status, unknown.code]).toEqual([400, 'FORMAT_UNKNOWN']);
  const brotli = await refusal(post('x', { 'content-type': 'text/csv', 'content-encoding': 'br' }));
  expect([brotli.status, brotli.code]).toEqual([415, 'BODY_ENCODING_UNSUPPORTED']);
  const event = { 'content-type': 'application/json', 'ce-id': '1' };
  expect((await refusal(post('{}', event))).code).toBe('CLOUDEVENT_INVALID');
  const other = refusal(
    meter.client.publish('others', 'rows', 'at\n2024-01-01\n', { producer: 'meter', format: 'csv' }),
  );
  expect((await other).status).toBe(403);
});

test('a system that contradicts a declared source is refused with the field, before anything is applied', async () => {
  const yaml = readFileSync(new URL('../../examples/first-system/system.yaml', import.meta.url), 'utf8');
  writeFileSync(path.join(dir, 'system.yaml'), yaml);
  await admin.sources.apply('apiVersion: perennial/v1\nkind: Source\nname: meter\ntime: not_hour\n');
  const error = (await admin.applySystem(yaml).catch((thrown) => thrown)) as RequestError;
  expect([error.status, error.code]).toEqual([409, 'SOURCE_CONFLICT']);
  expect(error.message).toContain('source.time');
});

const identified = (secret: string) => {
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${secret}`);
  return metadata;
};
const header = { source: 'loads', kind: SegmentKind.ROWS, format: 'jsonl' };
const rows = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => `{"at":"2024-02-01","n":${from + i}}\n`).join('');
const bytes = (text: string) => new TextEncoder().encode(text);

test('a client of gRPC streams a file in with its key, and is told what came of it', async () => {
  const client = new Client(platform.urls.grpc, credentials.createInsecure());
  const send = (
    secret: string,
    parts: NonNullable<MessageInitShape<typeof SendRowsRequestSchema>['part']>[],
  ) =>
    new Promise<SendRowsResponse>((resolve, reject) => {
      const call = client.makeClientStreamRequest(
        '/perennial.v1.RowsService/SendRows',
        (message: MessageInitShape<typeof SendRowsRequestSchema>) =>
          Buffer.from(toBinary(SendRowsRequestSchema, create(SendRowsRequestSchema, message))),
        (buffer: Buffer) => fromBinary(SendRowsResponseSchema, new Uint8Array(buffer)),
        identified(secret),
        (error: unknown, answer?: SendRowsResponse) => (answer ? resolve(answer) : reject(error)),
      );
      call.on('error', () => {});
      for (const part of parts) call.write({ part });
      call.end();
    });
  const text = bytes(rows(0, 1_000));
  const chunk = (from: number, to?: number) => ({ case: 'chunk' as const, value: text.subarray(from, to) });
  const parts = [{ case: 'header' as const, value: header }, chunk(0, 7_777), chunk(7_777)];
  expect((await send(meter.secret, parts)).taken).toMatchObject({ taken: 1_000, refused: 0 });
  expect((await send(meter.secret, parts)).taken).toMatchObject({ taken: 0, duplicates: 1_000 });
  await expect(send('nobody', parts)).rejects.toMatchObject({ code: 16 });
  const elsewhere = [{ case: 'header' as const, value: { ...header, source: 'others' } }, chunk(0)];
  await expect(send(meter.secret, elsewhere)).rejects.toMatchObject({ code: 7 });
  client.close();
});

test('a stream of batches is answered batch by batch, and goes on behind a bad one', async () => {
  const client = new Client(platform.urls.grpc, credentials.createInsecure());
  const call = client.makeBidiStreamRequest(
    '/perennial.v1.RowsService/SendBatches',
    (message: MessageInitShape<typeof SendBatchesRequestSchema>) =>
      Buffer.from(toBinary(SendBatchesRequestSchema, create(SendBatchesRequestSchema, message))),
    (buffer: Buffer) => fromBinary(SendBatchesResponseSchema, new Uint8Array(buffer)),
    identified(meter.secret),
  );
  const bodies = [rows(2_000, 10), 'no row\n', rows(2_010, 10), rows(2_000, 10)];
  for (const text of bodies) call.write({ header, body: bytes(text) });
  call.end();
  const answers: SendBatchesResponse[] = [];
  for await (const answer of call) answers.push(answer as SendBatchesResponse);
  const said = answers.map(({ taken, errorCode }) => taken?.taken ?? errorCode);
  // The last has the rows of the first, and either may be the one that is taken.
  expect(said.slice(1, 3)).toEqual(['ROW_MALFORMED', 10]);
  expect(Number(said[0]) + Number(said[3])).toBe(10);
  client.close();
  const deliveries = await admin.sources.deliveries({ source: 'loads', producer: 'meter' });
  const grpc = deliveries.filter(({ way }) => way === 'grpc');
  expect(grpc.map((one) => [one.rows, one.duplicates, one.refused])).toEqual([['1020', '1010', '1']]);
  const [producer] = await admin.sources.producers('loads');
  expect(producer).toMatchObject({ producer: 'meter', ways: ['grpc', 'http'] });
});

test('rows of a source that no system reads yet are verified, and are its dataset', async () => {
  const dataset = await waitFor('a version of the dataset', async () => {
    const found = await admin.datasets.list();
    return found.find(({ source, rows }) => source === 'loads' && Number(rows) > 1_000);
  });
  expect(dataset?.source).toBe('loads');
});

test('a producer with too much under way is told when to come back, and nothing of what is under way is lost', async () => {
  const url = new URL(`${platform.urls.http}/v1/sources/loads/rows`);
  const headers = { authorization: `Bearer ${meter.secret}`, 'content-type': 'application/jsonl' };
  // Two more than one producer may have under way, none of which ends.
  const slow = Array.from({ length: 14 }, (_, i) => {
    const sent = request(url, { method: 'POST', headers });
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      sent.once('response', (response) => resolve(response.resume()));
      sent.on('error', reject);
    });
    sent.write(`{"at":"2024-03-01","slow":${i}}\n`);
    return { sent, answered };
  });
  const refused = await Promise.race(slow.map(({ answered }) => answered));
  expect(refused.statusCode).toBe(429);
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  for (const { sent } of slow) sent.end();
  const statuses = await Promise.all(slow.map(async ({ answered }) => (await answered).statusCode));
  expect(statuses.filter((status) => status === 200)).toHaveLength(12);
  expect(statuses.filter((status) => status === 429)).toHaveLength(2);
});
