import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** One day of Seattle's weather out of vega-datasets (BSD-3-Clause; the data is NOAA's). Degrees Celsius. */
export interface Day {
  readonly date: string;
  readonly row: Readonly<Record<string, string | number>>;
  readonly label: Readonly<Record<string, string | number>>;
}

export function days(from: string, to: string): Day[] {
  // The package exports its build alone; the data lies beside it.
  const build = createRequire(import.meta.url).resolve('vega-datasets');
  const text = readFileSync(build.replace(/build[/\\]index\.js$/, 'data/seattle-weather.csv'), 'utf8');
  return text
    .trim()
    .split(/\r?\n/)
    .slice(1)
    .map((line) => line.split(','))
    .map(([date = '', precipitation, tempMax, tempMin, wind]) => ({
      date,
      row: { date, precipitation: Number(precipitation), temp_min: Number(tempMin), wind: Number(wind) },
      label: { date, temp_max: Number(tempMax) },
    }))
    .filter(({ date }) => date >= from && date <= to);
}
