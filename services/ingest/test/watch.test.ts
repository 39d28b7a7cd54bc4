import { appendFile, mkdir, rename, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectS3, s3Settings } from '@perennial/artifacts';
import { SegmentKind, type WatchedFile } from '@perennial/contracts';
import { tempDir, waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Known, verdictOn } from '../src/watch/decide.js';
import { fileForm } from '../src/watch/file-form.js';
import { type House, openHouse } from './house.js';

const root = tempDir('watched');
let house: House;

beforeAll(async () => {
  house = await openHouse({
    PERENNIAL_WATCH_ROOTS: root,
    PERENNIAL_WATCH_EVERY_MS: '50',
    PERENNIAL_WATCH_SETTLED_MS: '300',
  });
});
afterAll(() => house?.stop());

const line = (n: number) => `2012-01-${String((n % 28) + 1).padStart(2, '0')},${n}\n`;
const csv = (from: number, rows: number) =>
  `date,n\n${Array.from({ length: rows }, (_, i) => line(from + i)).join('')}`;

async function folder(name: string): Promise<string> {
  const path = join(root, name);
  await mkdir(path, { recursive: true });
  return path;
}

async function told(source: string, name: string): Promise<WatchedFile | undefined> {
  const { files } = await house.datasets.listWatchedFiles({ source });
  return files.find((file) => file.name.endsWith(name));
}

const until = (source: string, name: string, status: string) =>
  waitFor(`${name} to be ${status}`, async () => {
    const file = await told(source, name);
    return file?.status === status ? file : undefined;
  });

const values = async (source: string) =>
  (await house.rows(source)).map(({ cells }) => Number(cells['n'])).sort((a, b) => a - b);
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i);

test('files of a folder come in once, with the producer and the kind that the document says', async () => {
  const path = await folder('once');
  await writeFile(join(path, 'a.csv'), csv(0, 20));
  await writeFile(join(path, 'notes.txt'), 'no rows');
  await house.declare(
    'once',
    `time: date\nfolders:\n  - { path: ${path}, producer: station }\n  - { path: '${path}/labels/*.jsonl', kind: labels }`,
  );
  await folder('once/labels');
  await writeFile(join(path, 'labels', 'b.jsonl'), '{"date":"2012-01-01","n":1}\n');
  expect(await until('once', 'a.csv', 'taken')).toMatchObject({ taken: 20, refused: 0 });
  expect(await until('once', 'b.jsonl', 'taken')).toMatchObject({ taken: 1, kind: SegmentKind.LABELS });
  // The same content by another name is the same rows.
  await writeFile(join(path, 'copy.csv'), csv(0, 20));
  expect(await until('once', 'copy.csv', 'taken')).toMatchObject({ taken: 0, duplicates: 20 });
  const rows = await house.rows('once');
  expect(rows.filter(({ kind }) => kind === 'rows').map(({ producer }) => producer)).toEqual(
    Array(20).fill('station'),
  );
  expect(rows.filter(({ kind }) => kind === 'labels')).toHaveLength(1);
  expect(await told('once', 'notes.txt')).toBeUndefined();
});

test('a file that is still being written is not taken before it is whole', async () => {
  const path = await folder('slowly');
  const file = join(path, 'a.csv');
  await writeFile(file, csv(0, 15));
  // Its last write stays recent for as long as the test looks.
  const later = new Date(Date.now() + 3_600_000);
  await utimes(file, later, later);
  await house.declare('slowly', `time: date\nfolders: [${path}]`);
  await writeFile(join(path, 'b.csv'), csv(30, 1));
  await until('slowly', 'b.csv', 'taken');
  expect(await told('slowly', 'a.csv')).toBeUndefined();
  await appendFile(file, Array.from({ length: 15 }, (_, i) => line(15 + i)).join(''));
  expect(await until('slowly', 'a.csv', 'taken')).toMatchObject({ taken: 30 });
  expect(await values('slowly')).toEqual(upTo(31));
});

test('a file waits until two looks found the same and it was left alone; what is known of it by name decides first', () => {
  const seen = { name: 'a.csv', mark: 'm1', modifiedAt: 1_000 };
  const at = (now: number, markBefore?: string) => ({ now, settledMs: 500, markBefore });
  expect(verdictOn(seen, undefined, at(9_000))).toBe('wait');
  expect(verdictOn(seen, undefined, at(9_000, 'm0'))).toBe('wait');
  expect(verdictOn(seen, undefined, at(1_499, 'm1'))).toBe('wait');
  expect(verdictOn(seen, undefined, at(1_500, 'm1'))).toBe('take');
  const known = (status: Known['status'], mark: string) => verdictOn(seen, { status, mark }, at(9_000, 'm1'));
  expect([known('taken', 'm1'), known('refused', 'm1'), known('changed', 'm1')]).toEqual([
    'pass',
    'pass',
    'pass',
  ]);
  expect([known('taken', 'm0'), known('changed', 'm0'), known('taking', 'm0')]).toEqual([
    'changed',
    'changed',
    'changed',
  ]);
  expect([known('refused', 'm0'), known('taking', 'm1')]).toEqual(['take', 'take']);
});

test('a file that changes after it was taken is told, and its rows stay as they were taken', async () => {
  const path = await folder('changed');
  await house.declare('changed', `time: date\nfolders: [${path}]`);
  const file = join(path, 'a.csv');
  await writeFile(file, csv(0, 5));
  await until('changed', 'a.csv', 'taken');
  await appendFile(file, line(5));
  const seen = await until('changed', 'a.csv', 'changed');
  expect(seen).toMatchObject({ taken: 5 });
  expect(seen.message).toContain('in another file');
  expect(await values('changed')).toEqual(upTo(5));
});

test('a broken file is refused with its reason, its neighbours are taken, and mended it is taken, too', async () => {
  const path = await folder('broken');
  await writeFile(join(path, 'a.parquet'), 'this is no parquet');
  await writeFile(join(path, 'b.csv'), `date,n\nyesterday,1\n${line(0)}`);
  await writeFile(join(path, 'c.csv'), 'n\n1\n');
  await house.declare('broken', `time: date\nfolders: [${path}]`);
  expect((await until('broken', 'a.parquet', 'refused')).message).toMatch(/\([A-Z_]+\)$/);
  expect((await until('broken', 'c.csv', 'refused')).message).toContain('date');
  const partly = await until('broken', 'b.csv', 'taken');
  expect(partly).toMatchObject({ taken: 1, refused: 1 });
  expect(partly.message).toContain('yesterday');
  await writeFile(join(path, 'c.csv'), csv(1, 1));
  expect(await until('broken', 'c.csv', 'taken')).toMatchObject({ taken: 1, message: '' });
});

test('folders outside those that may be watched are refused, and links out of them are not followed', async () => {
  const outside = tempDir('outside');
  await writeFile(join(outside, 'secret.csv'), csv(0, 3));
  const path = await folder('links');
  await symlink(join(outside, 'secret.csv'), join(path, 'link.csv'));
  await writeFile(join(path, 'own.csv'), csv(3, 1));
  await house.declare('links', `time: date\nfolders: [${outside}, '${path}', '${path}/../../*']`);
  expect((await until('links', outside, 'refused')).message).toContain('PERENNIAL_WATCH_ROOTS');
  expect((await until('links', '../../*', 'refused')).message).toContain('(WATCH_FORBIDDEN)');
  await until('links', 'own.csv', 'taken');
  expect(await values('links')).toEqual([3]);
});

test('whatever is killed in between, every file of a folder is taken once', async () => {
  const path = await folder('killed');
  await house.declare('killed', `time: date\nfolders: [${path}]`);
  const [files, rows] = [12, 400];
  for (let at = 0; at < files; at++) {
    // Renamed into place: a file that appears whole.
    await writeFile(join(path, `.${at}`), csv(at * rows, rows));
    await rename(join(path, `.${at}`), join(path, `${at}.csv`));
    if (at % 3 !== 2) continue;
    await waitFor('a file to be on its way', async () =>
      (await house.datasets.listWatchedFiles({ source: 'killed' })).files.some(
        ({ status, name }) => status !== 'refused' && name.endsWith(`/${at}.csv`),
      ),
    );
    await house.kill();
    await house.start();
  }
  for (let at = 0; at < files; at++) await until('killed', `/${at}.csv`, 'taken');
  expect(await values('killed')).toEqual(upTo(files * rows));
});

test.skipIf(!process.env['S3_ENDPOINT'])(
  'objects under a prefix come in once (needs S3_ENDPOINT, S3_ACCESS_KEY and S3_SECRET_KEY)',
  async () => {
    const client = await connectS3(s3Settings(), 'perennial-test');
    const prefix = `watched-${process.pid}`;
    const put = (name: string, content: string) =>
      client.putObject('perennial-test', `${prefix}/${name}`, content);
    await put('a.csv', csv(0, 10));
    await put('bad.csv', 'n\n1\n');
    await house.declare(
      'bucket',
      `time: date\ns3: ['s3://perennial-test/${prefix}/', 's3://perennial-none/x']`,
    );
    expect(await until('bucket', 'a.csv', 'taken')).toMatchObject({ taken: 10 });
    expect((await until('bucket', 'bad.csv', 'refused')).message).toContain('date');
    expect((await until('bucket', 's3://perennial-none/x', 'refused')).message).toContain(
      'WATCH_UNAVAILABLE',
    );
    await house.kill();
    await house.start();
    await put('b.csv', csv(10, 10));
    await until('bucket', 'b.csv', 'taken');
    expect(await values('bucket')).toEqual(upTo(20));
  },
);

test('a name says which form a file has', () => {
  expect(fileForm('/in/a.b.CSV.gz')).toEqual({ format: 'csv', encoding: 'gzip' });
  expect(fileForm('s3://b/k/x.ndjson')).toEqual({ format: 'jsonl', encoding: '' });
  expect(fileForm('a.parquet')).toEqual({ format: 'parquet', encoding: '' });
  for (const name of ['a', 'csv', 'a.txt', 'a.gz', 'a.csv.tmp', '/in.csv/a'])
    expect(fileForm(name), name).toBeUndefined();
});
