import { readFileSync } from 'node:fs';
import type { JudgedRow } from '../../src/schema/value.js';

/** The 1,461 real days of the seasons story; vega-datasets is a dependency of the example, not of this service. */
export function seattle(columns: readonly string[]): JudgedRow[] {
  const file = new URL(
    '../../../../examples/seattle-temperature/node_modules/vega-datasets/data/seattle-weather.csv',
    import.meta.url,
  );
  const [header = '', ...lines] = readFileSync(file, 'utf8').trim().split(/\r?\n/);
  const names = header.split(',');
  return lines.map((line) => {
    const cells = Object.fromEntries(line.split(',').map((cell, i) => [names[i] ?? '', cell]));
    const date = cells['date'] ?? '';
    const values = columns.map((name) => [
      name,
      name === 'weather' || name === 'date' ? cells[name] : Number(cells[name]),
    ]);
    return { rowId: date, eventTime: Date.parse(date), values: Object.fromEntries(values) };
  });
}

export const rowColumns = ['date', 'temp_min', 'wind', 'precipitation', 'weather'];
export const labelColumns = ['date', 'temp_max'];

/** The row with one column in Fahrenheit, as its producer would write it (a decimal). */
export function inFahrenheit(row: JudgedRow, column: string): JudgedRow {
  const celsius = Number(row.values[column]);
  return { ...row, values: { ...row.values, [column]: Math.round((celsius * 1.8 + 32) * 10) / 10 } };
}
