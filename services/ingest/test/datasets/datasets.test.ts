import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { SegmentKind } from '@perennial/contracts';
import { type Digest, uuidv7 } from '@perennial/kernel';
import { waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type House, openHouse } from '../house.js';
import { exported, type VerifiedRow, verify } from './verified.js';

let house: House;
beforeAll(async () => {
  house = await openHouse({ PERENNIAL_COMPACT_FILES_MIN: '0' });
});
afterAll(() => house?.stop());

const row = (id: string, passenger = 1, fare = 10): VerifiedRow => ({ id, passenger, fare });
const named = (source: string, version = 0) => ({ source, kind: SegmentKind.ROWS, version });
const show = async (source: string, version = 0) =>
  (await house.datasets.getDataset({ dataset: named(source, version) })).version;

test('each version has the verified rows so far in recorded order, and stays as it was', async () => {
  const first = uuidv7();
  const second = uuidv7();
  await verify(house, 'flights', [row('b')], { recordedEventId: second });
  await house.settled();
  expect(await show('flights')).toMatchObject({ version: 1, segments: 1, rows: 1n, reason: 'rows' });
  const before = await exported(house, { source: 'flights' });
  // Repaired rows keep the place at which they were recorded.
  await verify(house, 'flights', [row('a')], { recordedEventId: first, repairId: 'r' });
  await verify(house, 'flights', [row('c'), row('d')]);
  await house.settled();
  const after = await exported(house, { source: 'flights' });
  expect(after.rows.map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd']);
  const again = await exported(house, { source: 'flights', version: 1 });
  expect(again.rows.map(({ id }) => id)).toEqual(['b']);
  expect(again.bytes.equals(before.bytes)).toBe(true);
  const { version } = after;
  const diff = await house.datasets.diffDatasets({
    from: named('flights', 1),
    to: named('flights', version),
  });
  expect(diff).toMatchObject({ segmentsAdded: 2, rowsAdded: 3n, rowsErased: 0n });
  const listed = await house.datasets.listVerifiedDatasets({});
  expect(listed.datasets.map((one) => one.source)).toContain('flights');
});

test('the manifest of a version is an artifact that names every segment', async () => {
  const digest = await verify(house, 'meters', [row('x'), row('y')]);
  await house.settled();
  const version = await show('meters');
  const manifest = JSON.parse(
    Buffer.from(await house.artifacts.get((version?.manifestDigest ?? '') as Digest)).toString(),
  );
  expect(manifest).toMatchObject({ source: 'meters', kind: 'rows', version: 1, rows: 2 });
  expect(manifest.segments).toMatchObject([{ digest, first_row: 0, rows: 2, producer: 'desk' }]);
});

test('a version is found by a time, and what does not exist is said', async () => {
  await verify(house, 'tides', [row('1')]);
  await house.settled();
  const one = await show('tides');
  await verify(house, 'tides', [row('2')]);
  await house.settled();
  await show('tides');
  const at = async (asOf: NonNullable<typeof one>['createdAt']) =>
    house.datasets.getDataset({
      dataset: { source: 'tides', kind: SegmentKind.ROWS, ...(asOf && { asOf }) },
    });
  expect((await at(one?.createdAt)).version?.version).toBe(1);
  expect((await at(timestampFromMs(Date.now()))).version?.version).toBe(2);
  await expect(at(timestampFromMs(0))).rejects.toMatchObject({ code: 'DATASET_NOT_FOUND' });
  await expect(show('tides', 9)).rejects.toThrow('has no version 9; the newest is v2');
  await expect(show('nobody')).rejects.toMatchObject({ code: 'DATASET_NOT_FOUND' });
});

test('a segment that is told twice is in the dataset once, also when the process is killed in between', async () => {
  for (let i = 0; i < 12; i++) {
    await verify(house, 'storm', [row(`s${String(i).padStart(2, '0')}`)]);
    if (i % 4 === 1) {
      void house.kill();
      await house.kill();
      await house.start();
    }
  }
  await house.settled();
  const ids = (await exported(house, { source: 'storm' })).rows.map(({ id }) => id);
  expect(ids).toEqual(Array.from({ length: 12 }, (_, i) => `s${String(i).padStart(2, '0')}`));
});

test('many small files become one with the same rows in the same order, and old versions are read from it', async () => {
  const ids: string[] = [];
  for (let i = 0; i < 20; i++) {
    const rows = Array.from({ length: 1 + (i % 3) }, (_, j) =>
      row(`${String(i).padStart(2, '0')}-${j}`, i, j),
    );
    ids.push(...rows.map(({ id }) => id));
    await verify(house, 'many', rows);
    if (i === 9) {
      await house.settled();
      await show('many');
    }
  }
  await house.settled();
  const whole = await exported(house, { source: 'many' });
  const half = (await house.datasets.listDatasetVersions({ source: 'many', kind: SegmentKind.ROWS })).versions
    .map(({ version, rows }) => ({ version, rows: Number(rows) }))
    .find(({ rows }) => rows < ids.length);
  const halfRows = (await exported(house, { source: 'many', version: half?.version ?? 0 })).rows;
  const done = await house.datasets.compactDatasets({ source: 'many' });
  expect(done).toMatchObject({ filesBefore: 20, filesAfter: 1, rows: BigInt(ids.length) });
  const now = await show('many');
  expect(now).toMatchObject({ files: 1, segments: 20, rows: BigInt(ids.length), reason: 'compacted' });
  const after = await exported(house, { source: 'many' });
  expect(after.rows).toEqual(whole.rows);
  expect(after.rows.map(({ id }) => id)).toEqual(ids);
  expect((await exported(house, { source: 'many', version: half?.version ?? 0 })).rows).toEqual(halfRows);
  expect(halfRows).toHaveLength(half?.rows ?? 0);
  // Rows that come later, in between too, stand beside the large file.
  await verify(house, 'many', [row('late')]);
  await house.settled();
  expect((await exported(house, { source: 'many' })).rows.map(({ id }) => id)).toEqual([...ids, 'late']);
});

test('a version is made some time after rows came, without anybody asking', async () => {
  await verify(house, 'quiet', [row('q')]);
  await waitFor('the version', async () => {
    const versions = await house.db
      .selectFrom('dataset_version')
      .select('version')
      .where('source', '=', 'quiet')
      .execute();
    return versions.length === 1;
  });
});
