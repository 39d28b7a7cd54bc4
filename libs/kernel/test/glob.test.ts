import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { filesOfGlob, parseGlob } from '@perennial/kernel';
import { tempDir } from '@perennial/testkit';
import { expect, test } from 'vitest';

test.each([
  ['data/*.csv', 'data', 'a.csv', true],
  ['data/*.csv', 'data', 'in/a.csv', false],
  ['data/*.csv', 'data', '.hidden.csv', false],
  ['data/**/*.csv', 'data', 'a.csv', true],
  ['data/**/*.csv', 'data', 'x/y/a.csv', true],
  ['data/**/*.csv', 'data', 'x/.git/a.csv', false],
  ['/in/2012-0[1-3]-??.csv', '/in', '2012-02-17.csv', true],
  ['/in/2012-0[1-3]-??.csv', '/in', '2012-04-17.csv', false],
  ['/in/[!a]*.csv', '/in', 'b.csv', true],
  ['/in/[!a]*.csv', '/in', 'a.csv', false],
  ['*.{csv,parquet}', '', 'a.parquet', true],
  ['*.{csv,parquet}', '', 'a.json', false],
  ['a+b(1)$.*', '', 'a+b(1)$.csv', true],
  ['{a.csv', '', '{a.csv', true],
])('%s, below "%s", means %s: %s', (pattern, base, relative, isMeant) => {
  const glob = parseGlob(pattern);
  expect(glob.base).toBe(base);
  expect(glob.matches(relative)).toBe(isMeant);
});

test('a folder means its files, a pattern what it matches, in the order of their paths, and links round in a circle end', async () => {
  const dir = tempDir('glob');
  mkdirSync(path.join(dir, 'deep', 'deeper'), { recursive: true });
  for (const name of ['b.csv', 'a.csv', '.part.csv', 'deep/c.csv', 'deep/deeper/d.csv']) {
    writeFileSync(path.join(dir, name), 'x');
  }
  symlinkSync(dir, path.join(dir, 'deep', 'round'));
  const names = async (text: string) =>
    (await filesOfGlob(path.join(dir, text))).map((found) => path.relative(dir, found.path));
  expect(await names('')).toEqual(['a.csv', 'b.csv']);
  expect(await names('**/*.csv')).toEqual(['a.csv', 'b.csv', 'deep/c.csv', 'deep/deeper/d.csv']);
  expect(await names('*/c.csv')).toEqual(['deep/c.csv']);
  expect(await names('a.csv')).toEqual(['a.csv']);
  expect(await names('absent/*.csv')).toEqual([]);
  expect((await filesOfGlob(path.join(dir, 'a.csv')))[0]).toMatchObject({ bytes: 1 });
});
