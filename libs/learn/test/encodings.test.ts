import { checkModel, openColumnSession } from '@perennial/onnx';
import { describe, expect, test } from 'vitest';
import { type Encode, type Trained, type TrainingTable, train } from '../src/mod.js';

const rows = 600;
const cities = ['Oslo', 'Bergen', 'Voss', 'Moss'];
const numbers = Float64Array.from({ length: rows }, (_, row) =>
  row % 11 === 0 ? Number.NaN : Math.sin(row) * 40,
);
const texts = Array.from({ length: rows }, (_, row) =>
  row % 13 === 0 ? '' : (cities[(row * row) % cities.length] as string),
);
const label = Float64Array.from({ length: rows }, (_, row) => {
  const number = numbers[row] as number;
  return (Number.isNaN(number) ? 3 : number) + (texts[row] as string).length * 5;
});
const declared: [feature: 'x' | 'city', encode: Encode][] = [
  ['x', { kind: 'standard' }],
  ['x', { kind: 'min-max' }],
  ['x', { kind: 'impute', with: 'mean' }],
  ['x', { kind: 'impute', with: 'median' }],
  ['x', { kind: 'impute', with: -7.5 }],
  ['x', { kind: 'one-hot', max: 5 }],
  ['city', { kind: 'one-hot', max: 3 }],
  ['city', { kind: 'ordinal' }],
  ['city', { kind: 'frequency' }],
  ['city', { kind: 'target', priorRows: 4 }],
];
const table = (encodings: Record<string, Encode>): TrainingTable => ({
  features: ['x', 'city'],
  columns: { x: numbers, city: texts },
  label,
  encodings,
});
/** What may be asked: known and unseen, missing, infinite. */
const asked = {
  x: Float64Array.from([1, Number.NaN, numbers[1] as number, Infinity, -Infinity, -40]),
  city: ['Oslo', 'Nowhere', '', 'Voss', 'oslo', 'Moss 🌲'],
};

async function fileAnswers(model: Trained, columns: TrainingTable['columns'], count: number) {
  const file = model.toOnnx();
  checkModel(file);
  const session = await openColumnSession(file);
  const answers = await session.predict(columns, count);
  await session.release();
  return answers;
}

describe.each(['gbdt', 'linear'])('a model of %s', (trainer) => {
  test.each(declared)('has in its file what %s as %j was fitted to', async (feature, encode) => {
    const model = train(trainer, {
      table: table({ [feature]: encode }),
      task: 'regression',
      parameters: trainer === 'gbdt' ? { trees: 20 } : {},
    });
    for (const [columns, count] of [
      [{ x: numbers, city: texts }, rows],
      [asked, 6],
    ] as const) {
      const own = model.predict(columns, count);
      const theirs = await fileAnswers(model, columns, count);
      for (let row = 0; row < count; row++) {
        expect(own[row], `row ${row}`).not.toBeNaN();
        expect(Math.abs((own[row] as number) - (theirs[row] as number))).toBeLessThan(1e-10);
      }
    }
  });

  test('answers unseen texts as declared: no share, the mean of all, zeros, or missing', async () => {
    const one = (encode: Encode, city: string) =>
      train(trainer, { table: table({ city: encode }), task: 'regression', parameters: {} }).predict(
        { x: Float64Array.of(1), city: [city] },
        1,
      )[0];
    for (const encode of [{ kind: 'ordinal' }, { kind: 'one-hot', max: 9 }] as const) {
      expect(one(encode, 'Nowhere')).toBe(one(encode, ''));
      expect(one(encode, 'Nowhere')).not.toBe(one(encode, 'Bergen'));
    }
    for (const encode of [{ kind: 'frequency' }, { kind: 'target', priorRows: 10 }] as const) {
      expect(one(encode, 'Nowhere')).toBe(one(encode, 'Elsewhere'));
    }
  });
});

test.each([
  ['standard', { city: { kind: 'standard' } }, 'city', 'takes numbers'],
  ['target', { x: { kind: 'target', priorRows: 1 } }, 'x', 'takes texts'],
] as const)('%s of the wrong kind of column is refused by name', (_, encodings, feature, why) => {
  expect(() => train('linear', { table: table(encodings), task: 'regression', parameters: {} })).toThrowError(
    expect.objectContaining({
      code: 'ENCODING_INVALID',
      field: `features.${feature}.encode`,
      message: expect.stringContaining(why),
    }),
  );
});

test('an encoding with nothing to fit on is refused', () => {
  const missing = {
    ...table({ x: { kind: 'min-max' } }),
    columns: { x: numbers.map(() => Number.NaN), city: texts },
  };
  expect(() => train('gbdt', { table: missing, task: 'regression', parameters: {} })).toThrowError(
    /every value is missing/,
  );
});
