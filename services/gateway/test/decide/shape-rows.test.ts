import { create } from '@bufbuild/protobuf';
import { FeatureInputSchema } from '@perennial/contracts';
import { limits } from '@perennial/kernel';
import { expect, test } from 'vitest';
import { columnsOf, rowsOfColumns } from '../../src/columns.js';
import { absentInputs, rowsOfBody } from '../../src/decide/shape-rows.js';

const inputs = [
  create(FeatureInputSchema, { name: 'outside', datatype: 'FP64' }),
  create(FeatureInputSchema, { name: 'origin', datatype: 'BYTES' }),
];

test('a body is one row or a list of rows', () => {
  expect(rowsOfBody({ outside: 1 })).toEqual([{ outside: 1 }]);
  expect(rowsOfBody({ rows: [{ outside: 1 }, { outside: 2 }] })).toHaveLength(2);
});

test.each([
  ['a list', [], 'body'],
  ['no rows', { rows: [] }, 'rows'],
  ['a row that is none', { rows: [{}, 3] }, 'rows[1]'],
  ['too many rows', { rows: Array.from({ length: limits.predictRowsMax + 1 }, () => ({})) }, 'rows'],
])('%s is refused and the field named', (_what, body, field) => {
  expect(() => rowsOfBody(body)).toThrow(expect.objectContaining({ code: 'PREDICT_ROWS_INVALID', field }));
});

test('null is a missing value, an absent column is not', () => {
  expect(absentInputs(inputs, [{ outside: null, origin: 'SEA' }])).toEqual([]);
  expect(absentInputs(inputs, [{ outside: 1 }])).toEqual(['origin']);
  const [outside, origin] = columnsOf(inputs, [{ outside: null, origin: null }]);
  expect(outside?.data).toEqual(new Float64Array([Number.NaN]));
  expect(origin?.data).toEqual(['']);
});

test('a text where a number belongs is refused with row and feature', () => {
  expect(() => columnsOf(inputs, [{ outside: 1 }, { outside: 'warm' }])).toThrow(
    expect.objectContaining({ code: 'FEATURE_INVALID', field: 'rows[1].outside' }),
  );
});

test('columns give back the rows that they were made of', () => {
  const rows = [
    { outside: 1.5, origin: 'SEA' },
    { outside: null, origin: '' },
  ];
  expect(rowsOfColumns(columnsOf(inputs, rows), 2)).toEqual(rows);
});
