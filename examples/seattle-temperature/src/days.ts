import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** One day of Seattle's weather; degrees Celsius, millimetres, metres a second. */
export interface Day {
  date: string;
  precipitation: number;
  temp_max: number;
  temp_min: number;
  wind: number;
  weather: string;
}

/** The 1,461 days of `seattle-weather.csv` in vega-datasets (BSD-3-Clause; the data is NOAA's), in order. */
export function seattleDays(): Day[] {
  // The package exports its build alone; the data lies beside it.
  const build = createRequire(import.meta.url).resolve('vega-datasets');
  const text = readFileSync(build.replace(/build[/\\]index\.js$/, 'data/seattle-weather.csv'), 'utf8');
  const [header, ...lines] = text.trim().split(/\r?\n/);
  if (header !== 'date,precipitation,temp_max,temp_min,wind,weather')
    throw new Error(`unknown columns: ${header}`);
  return lines.map((line) => {
    const [date = '', precipitation, tempMax, tempMin, wind, weather = ''] = line.split(',');
    return {
      date,
      precipitation: Number(precipitation),
      temp_max: Number(tempMax),
      temp_min: Number(tempMin),
      wind: Number(wind),
      weather,
    };
  });
}

/** What is known in the morning. */
export function morningRow(day: Day): Omit<Day, 'temp_max'> {
  const { temp_max: _, ...row } = day;
  return row;
}

/** What the evening tells. */
export function eveningLabel(day: Day): Pick<Day, 'date' | 'temp_max'> {
  return { date: day.date, temp_max: day.temp_max };
}
