import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { tempDir } from '@perennial/testkit';
import { expect, test } from 'vitest';
import { fileFormat, writeBody } from '../src/write-file.js';

test('an answer is written whole, and a file that cannot be is named with the reason', async () => {
  const folder = tempDir('write-file');
  const file = path.join(folder, 'rows.csv');
  await writeBody(file, new Response('a,b\n1,2\n'));
  expect(readFileSync(file, 'utf8')).toBe('a,b\n1,2\n');
  expect(existsSync(`${file}.part`)).toBe(false);
  const nowhere = path.join(folder, 'no-such-folder', 'rows.csv');
  await expect(writeBody(nowhere, new Response('x'))).rejects.toMatchObject({
    code: 'FILE_UNWRITABLE',
    message: expect.stringContaining('no-such-folder; make it first'),
  });
});

test('an answer that breaks off leaves no file', async () => {
  const file = path.join(tempDir('write-file'), 'rows.csv');
  const broken = new ReadableStream({
    start(controller) {
      controller.enqueue(Buffer.from('a,b\n'));
      controller.error(new Error('the connection broke'));
    },
  });
  await expect(writeBody(file, new Response(broken))).rejects.toThrow('broke');
  expect([existsSync(file), existsSync(`${file}.part`)]).toEqual([false, false]);
});

test("a format is what was said, or the file's ending, or the usual one; any other is refused", () => {
  const formats = ['parquet', 'csv'] as const;
  expect(fileFormat({}, formats)).toBe('parquet');
  expect(fileFormat({ output: 'x.CSV' }, formats)).toBe('csv');
  expect(fileFormat({ format: 'csv', output: 'x.txt' }, formats)).toBe('csv');
  expect(() => fileFormat({ output: 'x.xls' }, formats)).toThrow(
    /--output: "x.xls" must end in parquet or csv/,
  );
  expect(() => fileFormat({ format: 'xls' }, formats)).toThrow(/--format: "xls"/);
  expect(() => fileFormat({ output: 'ts.csv' }, ['parquet'])).toThrow(/must end in parquet/);
});
