import { digestOf } from '@perennial/kernel';
import { checkModel, openColumnSession } from '@perennial/onnx';
import { describe, expect, test } from 'vitest';
import { type Task, type TrainingTable, train } from '../src/mod.js';
import { mixed } from './data.js';

/** Everything a client may send: other rows, unknown texts, missing values, infinities. */
function requests(rows: number, task: Task): TrainingTable['columns'] {
  const { columns } = mixed(rows, 99, task);
  const wide = (columns['wide'] as Float64Array).map(
    (value, row) => [value, Infinity, -Infinity, 0][row % 4] as number,
  );
  const city = (columns['city'] as string[]).map((text, row) => (row % 5 === 0 ? `new ${row} 🌲` : text));
  return { ...columns, wide, city };
}

async function worstDifference(trainer: string, task: Task, parameters = {}, rows = 3_000): Promise<number> {
  const table = mixed(rows, 7, task);
  const model = train(trainer, { table, task, parameters });
  const file = model.toOnnx();
  checkModel(file);
  const session = await openColumnSession(file);
  let worst = 0;
  for (const columns of [table.columns, requests(3_000, task)]) {
    const count = (columns['wide'] as Float64Array).length;
    const own = model.predict(columns, count);
    const theirs = await session.predict(columns, count);
    for (let row = 0; row < count; row++) {
      const difference = Math.abs((own[row] as number) - (theirs[row] as number));
      worst = Math.max(worst, difference / Math.max(1, Math.abs(own[row] as number)));
      expect(difference).not.toBeNaN();
    }
  }
  await session.release();
  return worst;
}

describe('the exported model answers what the trainer predicts, within rounding', () => {
  for (const trainer of ['gbdt', 'linear']) {
    for (const task of ['regression', 'classification'] as const) {
      test(`${trainer}, ${task}`, async () => {
        expect(await worstDifference(trainer, task)).toBeLessThanOrEqual(1e-12);
      });
    }
  }
  test('many small leaves', async () => {
    const parameters = { trees: 40, leaves: 400, 'min-leaf-rows': 1, l2: 0.5 };
    expect(await worstDifference('gbdt', 'regression', parameters)).toBeLessThanOrEqual(1e-12);
  });
  test('trees of one split', async () => {
    expect(await worstDifference('gbdt', 'classification', { leaves: 2 })).toBeLessThanOrEqual(1e-12);
  });
  test('no tree at all, where no split is allowed', async () => {
    const parameters = { 'min-leaf-rows': 1_000_000 };
    expect(await worstDifference('gbdt', 'regression', parameters, 50)).toBeLessThanOrEqual(1e-12);
    expect(await worstDifference('gbdt', 'classification', parameters, 50)).toBeLessThanOrEqual(1e-12);
  });
});

test('the same training gives the same file; another seed of nothing sampled too', () => {
  const digest = (seed: number) => {
    const table = mixed(2_000, 3, 'regression');
    return digestOf(train('gbdt', { table, task: 'regression', parameters: { seed } }).toOnnx());
  };
  expect(digest(1)).toBe(digest(1));
  expect(digest(1)).toBe(digest(2));
});
