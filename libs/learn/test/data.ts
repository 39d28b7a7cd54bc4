import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { TrainingTable } from '../src/mod.js';
import { randomFrom } from '../src/random.js';

interface Day {
  date: string;
  precipitation: number;
  tempMax: number;
  tempMin: number;
  wind: number;
}

const features = ['temp_min', 'wind', 'precipitation', 'temp_max_yesterday', 'temp_max_7d'];

/** Seattle's days of [from, to) with yesterday's maximum and the mean of the seven days before. */
export function seattle(from: string, to: string): TrainingTable {
  const require = createRequire(new URL('../../../test/package.json', import.meta.url));
  const folder = path.join(path.dirname(require.resolve('vega-datasets')), '..');
  const lines = readFileSync(path.join(folder, 'data/seattle-weather.csv'), 'utf8')
    .trim()
    .split('\n')
    .slice(1);
  const days = lines.map((line): Day => {
    const [date, precipitation, tempMax, tempMin, wind] = line.split(',') as [string, ...string[]];
    return {
      date: date.replaceAll('/', '-'),
      precipitation: Number(precipitation),
      tempMax: Number(tempMax),
      tempMin: Number(tempMin),
      wind: Number(wind),
    };
  });
  const before = (at: number, count: number) => days.slice(Math.max(0, at - count), at);
  const mean = (list: Day[]) => list.reduce((sum, day) => sum + day.tempMax, 0) / list.length;
  const chosen = days.map((day, at) => ({ day, at })).filter(({ day }) => day.date >= from && day.date < to);
  const column = (value: (day: Day, at: number) => number) =>
    Float64Array.from(chosen, ({ day, at }) => value(day, at));
  return {
    features,
    columns: {
      temp_min: column((day) => day.tempMin),
      wind: column((day) => day.wind),
      precipitation: column((day) => day.precipitation),
      temp_max_yesterday: column((_, at) => mean(before(at, 1))),
      temp_max_7d: column((_, at) => mean(before(at, 7))),
    },
    label: column((day) => day.tempMax),
  };
}

const cities = ['SEA', 'LAX', 'Zürich', 'JFK', '東京', '', 'a"b', 'ORD'];

/** Numbers of many kinds, texts, missing values in both, a label that depends on all of them. */
export function mixed(rows: number, seed: number, task: 'regression' | 'classification'): TrainingTable {
  const random = randomFrom(seed);
  const from = (make: () => number) => Float64Array.from({ length: rows }, make);
  const missing = (share: number, value: number) => (random() < share ? Number.NaN : value);
  const wide = from(() => missing(0.1, (random() - 0.5) * 10 ** Math.floor(random() * 12 - 4)));
  const fine = from(() => 1 + Math.floor(random() * 40) * Number.EPSILON);
  const few = from(() => Math.floor(random() * 5));
  const empty = from(() => Number.NaN);
  // Some texts are too rare to be told apart.
  const city = Array.from({ length: rows }, () => {
    return random() < 0.02
      ? `rare${Math.floor(random() * 99)}`
      : (cities[Math.floor(random() ** 2 * 8)] as string);
  });
  const label = from(() => 0).map((_, row) => {
    const value = wide[row] as number;
    const sum =
      (Number.isNaN(value) ? 2 : Math.sign(value)) +
      (few[row] as number) * ((fine[row] as number) > 1 + 20 * Number.EPSILON ? 1 : 0.2) +
      cities.indexOf(city[row] as string) / 3 +
      random();
    return task === 'regression' ? sum : sum > 3.5 ? 1 : 0;
  });
  return {
    features: ['wide', 'fine', 'few', 'empty', 'city'],
    columns: { wide, fine, few, empty, city },
    label,
  };
}
