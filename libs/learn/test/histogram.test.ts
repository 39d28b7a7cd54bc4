import { expect, test } from 'vitest';
import { binFeatures } from '../src/gbdt/bins.js';
import { cellOffsets, cellSize, fillHistogram, subtract } from '../src/gbdt/histogram.js';
import { randomFrom } from '../src/random.js';

test('what is subtracted from the parent is the other child’s own histogram', () => {
  const random = randomFrom(2);
  const rows = 1_000;
  // Eighths add up without rounding, so that equal means equal.
  const eighths = () => Math.floor(random() * 64) / 8;
  const columns = [0, 1, 2].map(() =>
    Float64Array.from({ length: rows }, () => (random() < 0.1 ? Number.NaN : eighths())),
  );
  const features = binFeatures(columns, 1);
  const { offsets, cells } = cellOffsets(features);
  const gradients = Float64Array.from({ length: rows }, eighths);
  const hessians = Float64Array.from({ length: rows }, eighths);
  const histogramOf = (chosen: Uint32Array | undefined) => {
    const histogram = new Float64Array(cells * cellSize);
    fillHistogram(histogram, features, offsets, {
      rows: chosen,
      gradients: chosen ? Float64Array.from(chosen, (row) => gradients[row] as number) : gradients,
      hessians: chosen ? Float64Array.from(chosen, (row) => hessians[row] as number) : hessians,
      count: chosen?.length ?? rows,
    });
    return histogram;
  };
  const all = Uint32Array.from({ length: rows }, (_, row) => row);
  const parent = histogramOf(undefined);
  expect(parent).toEqual(histogramOf(all));
  subtract(parent, histogramOf(all.filter((row) => row % 3 === 0)));
  expect(parent).toEqual(histogramOf(all.filter((row) => row % 3 !== 0)));
});

test('thresholds part every two neighbours, and no value changes sides by rounding', () => {
  const values = [-Infinity, -1e308, -1, 1, 1 + Number.EPSILON, 1 + 2 * Number.EPSILON, 1e308, Infinity];
  const [feature] = binFeatures([Float64Array.from([...values, Number.NaN])], 1);
  expect([...(feature?.bins ?? [])]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  for (const [at, threshold] of (feature?.thresholds ?? new Float64Array()).entries()) {
    expect(values[at]).toBeLessThanOrEqual(threshold);
    expect(values[at + 1]).toBeGreaterThan(threshold);
  }
});

test('many distinct values share 255 bins in near equal parts', () => {
  const [feature] = binFeatures([Float64Array.from({ length: 50_000 }, (_, at) => at ** 3)], 1);
  const counts = new Uint32Array(256);
  for (const bin of feature?.bins ?? []) counts[bin] = (counts[bin] as number) + 1;
  expect(feature?.thresholds.length).toBe(254);
  expect(Math.max(...counts)).toBeLessThan(2 * (50_000 / 255));
});
