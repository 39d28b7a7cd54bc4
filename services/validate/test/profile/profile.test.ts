import { expect, test } from 'vitest';
import { emptyProfile, profileAdd } from '../../src/profile/profile.js';
import { inferSchema } from '../../src/schema/learned.js';

const words = ['constructor', '__proto__', 'toString', 'hasOwnProperty'];

test('texts and columns that are called like parts of every object are counted like any other', () => {
  let profile = emptyProfile;
  for (let segment = 0; segment < 300; segment++) {
    const rows = words.map((word, at) => {
      const values = Object.fromEntries([
        ['word', word],
        ...words.map((name): [string, number] => [name, at]),
      ]);
      return { rowId: `${segment}-${at}`, eventTime: segment, values };
    });
    profile = profileAdd(profile, rows);
  }
  const counted = new Map(Object.entries(profile.columns['word']?.categories ?? {}));
  expect([...counted]).toEqual(words.map((word) => [word, 300]));
  const schema = inferSchema(profile);
  expect(schema.columns['word']?.categories?.closed).toBe(true);
  expect(Object.keys(schema.columns).sort()).toEqual([...words, 'word'].sort());
});
