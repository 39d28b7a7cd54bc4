import { createRequire } from 'node:module';
import type { Tables } from '@perennial/tables';

/** `flights-3m.parquet` of vega-datasets (BSD-3-Clause): January to June 2001; delay in minutes, distance in miles. */
export function flightsFile(): string {
  // The package exports its build alone; the data lies beside it.
  const build = createRequire(import.meta.url).resolve('vega-datasets');
  return build.replace(/build[/\\]index\.js$/, 'data/flights-3m.parquet');
}

/** Writes the flights from `from` to before `to` into `path`, in order of time; gives their number. */
export async function writeSpan(
  tables: Tables,
  span: { from: string; to: string },
  path: string,
): Promise<number> {
  const file = flightsFile();
  const where = `from read_parquet('${file.replaceAll("'", "''")}') where date >= timestamp '${span.from}' and date < timestamp '${span.to}'`;
  await tables.run(
    `copy (select * ${where} order by date, origin, destination, delay, distance) to '${path.replaceAll("'", "''")}' (format parquet)`,
  );
  const [counted] = await tables.rows(`select count(*) as n ${where}`);
  return Number(counted?.['n'] ?? 0);
}
