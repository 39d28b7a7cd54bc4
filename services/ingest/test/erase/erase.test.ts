import path from 'node:path';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { publishRaw } from '@perennial/bus';
import {
  PredictionBatchSchema,
  type PredictionSchema,
  predictionSubject,
  SegmentKind,
} from '@perennial/contracts';
import type { Digest } from '@perennial/kernel';
import { openTables, quoteText } from '@perennial/tables';
import { tempDir, waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { exported, rowsIn, type VerifiedRow, verify } from '../datasets/verified.js';
import { type House, openHouse } from '../house.js';
import { type Neighbours, openNeighbours } from '../neighbours.js';

let house: House;
let neighbours: Neighbours;
beforeAll(async () => {
  neighbours = await openNeighbours();
  house = await openHouse({ PERENNIAL_PEERS: neighbours.peers, PERENNIAL_COMPACT_FILES_MIN: '0' });
});
afterAll(async () => {
  await house?.stop();
  await neighbours?.stop();
});

const rows = (prefix: string, passengers: readonly number[]): VerifiedRow[] =>
  passengers.map((passenger, i) => ({ id: `${prefix}${i}`, passenger, fare: passenger * 10 + i }));
const text = async (digest: string) => Buffer.from(await house.artifacts.get(digest as Digest)).toString();

/** A training set: rows of the dataset without the column of the key, named by a manifest. */
async function trainingSet(segment: string): Promise<{ training: string; manifest: string }> {
  const tables = await openTables({});
  const target = path.join(tempDir('training'), 'training.parquet');
  const file = await house.artifacts.localFile(segment as Digest);
  await tables.run(
    `copy (select * exclude (passenger) from read_parquet(${quoteText(file)})) to ${quoteText(target)} (format parquet)`,
  );
  await tables.close();
  const { digest: training } = await house.artifacts.putFile(target);
  const set = await house.artifacts.put(
    Buffer.from(JSON.stringify({ kind: 'set', training: { digest: training } })),
  );
  const manifest = await house.artifacts.put(
    Buffer.from(JSON.stringify({ dataset: set.digest, made: training.slice(-6) })),
  );
  return { training, manifest: manifest.digest };
}

/** A message of the gateway, which says what was predicted for. */
async function publishPredictions(
  bus: House['bus'],
  prediction: MessageInitShape<typeof PredictionSchema>,
): Promise<void> {
  const batch = create(PredictionBatchSchema, { predictions: [prediction] });
  await bus.js.publish(predictionSubject('default', 'fares'), toBinary(PredictionBatchSchema, batch));
}

async function everyArtifact(): Promise<string> {
  const all: string[] = [];
  for await (const { digest } of house.artifacts.list()) {
    const bytes = Buffer.from(await house.artifacts.get(digest));
    if (bytes.subarray(0, 4).toString() === 'PAR1') all.push(JSON.stringify(await rowsIn(bytes)));
    else all.push(bytes.toString());
  }
  return all.join('\n');
}

test('whatever belongs to the key goes from segments, training sets and batches, and the rest stays as it was', async () => {
  await verify(house, 'flights', rows('a', [1, 777, 2, 777]));
  const middle = await verify(house, 'flights', rows('b', [777]));
  const last = await verify(house, 'flights', rows('c', [3, 4, 777, 5]));
  await house.settled();
  await house.datasets.compactDatasets({ source: 'flights' });
  const before = (await exported(house, { source: 'flights' })).rows;
  const { training, manifest } = await trainingSet(last);
  const other = await trainingSet(await verify(house, 'meters', rows('m', [8, 9])));
  const lines = ['{"row":{"passenger":777,"fare":1}}', '{"row":{"passenger":778,"fare":2}}', ''];
  const batch = (await house.artifacts.put(Buffer.from(lines.join('\n')))).digest;
  const csv = (await house.artifacts.put(Buffer.from('fare,passenger\n1,777\n"2","778"\n'))).digest;
  const schema = {
    columns: { passenger: { type: 'text', categories: { values: ['776', '777'], closed: true } } },
  };
  const document = (await house.artifacts.put(Buffer.from(JSON.stringify(schema)))).digest;
  neighbours.needs.set('featurize', [training, other.training]);
  neighbours.needs.set('validate', [document]);
  const told = (passenger: number, id: string) =>
    publishPredictions(house.bus, { predictionId: id, system: 'fares', rows: [{ key: { passenger } }] });
  await told(777, 'p1');
  await told(778, 'p2');
  neighbours.models.push(
    { system: 'fares', version: 3, manifestDigest: manifest },
    { system: 'heat', version: 1, manifestDigest: other.manifest },
  );
  await publishRaw(house.bus, {
    subject: 'rows.default.flights.desk',
    body: '{"date":"2012-01-01","passenger":777}',
    id: 'on-the-bus',
  });
  await house.settled();

  const key = { column: 'passenger', value: '777', requestedBy: 'ann' };
  const dry = await house.datasets.eraseKey({ ...key, dryRun: true });
  expect(dry.models).toMatchObject([{ model: 'fares', version: 3 }]);
  expect(dry.bytesDeleted).toBe(0n);
  expect((await exported(house, { source: 'flights' })).rows).toEqual(before);

  const done = await house.datasets.eraseKey({ ...key, dryRun: false });
  const withoutKey = before.filter(({ passenger }) => passenger !== 777);
  expect((await exported(house, { source: 'flights' })).rows).toEqual(withoutKey);
  for (const version of [1, 2]) {
    const old = (await exported(house, { source: 'flights', version }).catch(() => undefined))?.rows ?? [];
    expect(old.filter(({ passenger }) => passenger === 777)).toEqual([]);
  }
  // By the digests that others keep, what is left is found.
  expect((await rowsIn(Buffer.from(await house.artifacts.get(middle as Digest)))).length).toBe(0);
  expect(
    (await rowsIn(Buffer.from(await house.artifacts.get(training as Digest)))).map(({ id }) => id),
  ).toEqual(['c0', 'c1', 'c3']);
  expect((await rowsIn(Buffer.from(await house.artifacts.get(other.training as Digest)))).length).toBe(2);
  expect(await text(batch)).toBe(lines.slice(1).join('\n'));
  expect(await text(csv)).toBe('fare,passenger\n"2","778"\n');
  expect(await text(document)).toContain('"values":["776"]');
  expect((await house.bus.jsm.streams.info('PREDICTION')).state.messages).toBe(1);
  expect(await everyArtifact()).not.toContain('777');
  expect(done.models).toMatchObject([{ model: 'fares', version: 3, manifestDigest: manifest }]);
  expect(Number(done.bytesDeleted)).toBeGreaterThan(0);
  expect(done.places.map(({ what }) => what)).toEqual(
    expect.arrayContaining(['segment', 'training set', 'schema', 'messages']),
  );
  const asked = neighbours.erased.filter(
    ({ name, source, dryRun }) => name === 'validate' && source === 'flights' && !dryRun,
  );
  expect(new Set(asked.flatMap(({ rowIds }) => rowIds))).toEqual(new Set(['a1', 'a3', 'b0', 'c2']));
});

test('an erasure is remembered without the value, and asked for again it finds nothing', async () => {
  const { erasures } = await house.datasets.listErasures({});
  expect(erasures).toMatchObject([{ column: 'passenger', requestedBy: 'ann', status: 'done' }]);
  const tables = ['erasure', 'erasure_row', 'outbox', 'waiting_message'];
  for (const table of tables) {
    const kept = await house.db.selectFrom(table).selectAll().execute();
    expect(JSON.stringify(kept.map((row) => ({ ...row, body: row['body']?.toString() })))).not.toMatch(
      /\b777\b/,
    );
  }
  const again = await house.datasets.eraseKey({ column: 'passenger', value: '777', requestedBy: 'ann' });
  expect(again).toMatchObject({ rows: 0n, places: [], models: [] });
  const diff = await house.datasets.diffDatasets({
    from: { source: 'flights', kind: SegmentKind.ROWS, version: 1 },
    to: { source: 'flights', kind: SegmentKind.ROWS },
  });
  expect(Number(diff.rowsErased)).toBeGreaterThan(0);
});

test('of one source only that source loses rows', async () => {
  await verify(house, 'trains', rows('t', [42, 43]));
  await verify(house, 'buses', rows('u', [42, 43]));
  await house.settled();
  await house.datasets.eraseKey({ column: 'passenger', value: '42', source: 'trains', requestedBy: 'ann' });
  expect((await exported(house, { source: 'trains' })).rows.map(({ id }) => id)).toEqual(['t1']);
  expect((await exported(house, { source: 'buses' })).rows.map(({ id }) => id)).toEqual(['u0', 'u1']);
});

test('rows of any event time that can be kept are erased', async () => {
  await house.declare('ages', 'time: at');
  const times = ['0001-01-01', '1683-12-31', '2024-05-05', '9999-12-31T23:59:59.999Z'];
  const body = times.map((at) => `{"at":"${at}","passenger":555}\n{"at":"${at}","passenger":556}\n`).join('');
  await house.publish(body, { source: 'ages', format: 'jsonl' });
  const key = { column: 'passenger', value: '555', source: 'ages', requestedBy: 'ann' };
  const dry = await house.datasets.eraseKey({ ...key, dryRun: true });
  expect(dry.places).toMatchObject([{ what: 'segment', rows: 4n }]);
  await house.datasets.eraseKey(key);
  const left = (await house.rows('ages')).map(({ cells }) => [cells['at'], cells['passenger']]);
  expect(left).toEqual(times.map((at) => [at, 556]));
  expect((await house.datasets.listErasures({})).erasures[0]).toMatchObject({
    status: 'done',
    source: 'ages',
  });
});

test('an erasure that was cut off by a kill is carried through by the next process', async () => {
  const files: string[] = [];
  for (let i = 0; i < 12; i++) files.push(await verify(house, 'ships', rows(`s${i}-`, [i, 999, i])));
  await house.settled();
  const { training } = await trainingSet(files[0] ?? '');
  const cutOff = house.datasets
    .eraseKey({ column: 'passenger', value: '999', requestedBy: 'ann' })
    .catch(() => undefined);
  await waitFor(
    'some of it to be done',
    async () =>
      (await house.db.selectFrom('erasure').select('replaced').where('done_at', 'is', null).execute()).some(
        ({ replaced }) => replaced.length > 0,
      ),
    { everyMs: 1 },
  );
  await house.kill();
  await cutOff;
  await house.start();
  await waitFor('the erasure to end', async () =>
    (await house.datasets.listErasures({})).erasures.every(({ status }) => status === 'done'),
  );
  expect(
    (await exported(house, { source: 'ships' })).rows.filter(({ passenger }) => passenger === 999),
  ).toEqual([]);
  expect((await exported(house, { source: 'ships' })).rows).toHaveLength(24);
  expect((await rowsIn(Buffer.from(await house.artifacts.get(training as Digest)))).length).toBe(2);
});

test('a key that names nobody is refused', async () => {
  for (const [column, value] of [
    ['', '1'],
    ['passenger', ''],
    ['_p_row_id', 'a1'],
  ]) {
    await expect(
      house.datasets.eraseKey({ column: column ?? '', value: value ?? '', dryRun: true }),
    ).rejects.toMatchObject({ code: 'ERASURE_KEY' });
  }
});
