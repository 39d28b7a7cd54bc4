import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openArtifacts } from '@perennial/artifacts';
import { openTables, quoteText, type Tables } from '@perennial/tables';
import { realData, tempDir } from '@perennial/testkit';
import { readRows } from '../../src/effects/read-segment.js';
import { SegmentFiles } from '../../src/effects/segment-files.js';
import { type Knowledge, noKnowledge } from '../../src/rules/judge-segment.js';
import { inferSchema } from '../../src/schema/learned.js';
import { smallRowsMax, type Verified, verifySegment } from '../../src/verify.js';

/** A source whose segments are verified one after the other as the service does, without a bus and a database. */
export interface Desk {
  readonly tables: Tables;
  /** Makes the table `raw` of a file of real data: a column of which all cells are numbers holds numbers. */
  load(name: string, time: string, names?: readonly string[]): Promise<void>;
  /** Verifies the rows of `raw` that satisfy `where`; `replace` changes some on the way. */
  send(where: string, replace?: string): Promise<Verified>;
  /** What is known now. */
  known(): Knowledge;
  know(knowledge: Partial<Knowledge>): void;
  close(): Promise<void>;
}

/** Skipped where the data does not lie beside this checkout. */
export const needs = (name: string) => ({ skip: realData(name) === undefined });

export async function openDesk(): Promise<Desk> {
  const tables = await openTables({});
  const artifacts = await openArtifacts({ url: pathToFileURL(tempDir('artifacts')).href });
  const dir = tempDir('desk');
  const means = { tables, files: new SegmentFiles(artifacts, dir), now: Date.parse('2100-01-01') };
  let known: Knowledge = noKnowledge;
  let sent = 0;
  return {
    tables,
    known: () => known,
    know: (knowledge) => {
      known = { ...known, ...knowledge };
    },
    close: () => tables.close(),
    load: async (name, time, header) => {
      const names = header
        ? `header = false, names = [${header.map(quoteText).join(', ')}]`
        : 'header = true';
      const options = `delim = ',', quote = '"', all_varchar = true, ${names}`;
      await tables.run(
        `create or replace temp table texts as select * from read_csv(${quoteText(realData(name) as string)}, ${options})`,
      );
      const columns = (await tables.rows('describe texts')).map((row) => `"${row['column_name']}"`);
      const [isNumber = {}] = await tables.rows(
        `select ${columns.map((c, i) => `count(*) filter (where not regexp_full_match(${c}, '-?[0-9]+([.][0-9]+)?(e-?[0-9]+)?')) = 0 as c${i}`)} from texts`,
      );
      const cells = columns.map((c, i) => (isNumber[`c${i}`] ? `${c}::double as ${c}` : `${c} as ${c}`));
      await tables.run(
        `create or replace temp table raw as select row_number() over () as n, * replace (${cells.join(', ')}) from texts`,
      );
      await tables.run(`create or replace temp view timed as select *, ${time} as moment from raw`);
    },
    send: async (where, replace) => {
      const path = join(dir, `sent-${sent++}.parquet`);
      const cells = replace ? `* exclude (n, moment) replace (${replace})` : '* exclude (n, moment)';
      await tables.run(
        `copy (select n::varchar as _p_row_id, moment as _p_event_time, ${cells} from timed where ${where} order by moment, n)
         to ${quoteText(path)} (format parquet)`,
      );
      const { digest } = await artifacts.putFile(path);
      const [span = {}] = await tables.rows(
        `select count(*)::double as n, min(_p_event_time) as low, max(_p_event_time) as high from read_parquet(${quoteText(path)})`,
      );
      const [rows, eventTimeMin, eventTimeMax] = [
        Number(span['n']),
        Number(span['low']),
        Number(span['high']),
      ];
      const smallRows = rows > smallRowsMax ? undefined : await readRows(tables, path);
      const verified = await verifySegment(
        { digest, rows, eventTimeMin, eventTimeMax, smallRows },
        known,
        means,
      );
      known = {
        ...known,
        profile: verified.profile,
        schema: inferSchema(verified.profile, known.schema, known.accepted),
        standing: verified.standing,
        recent: [...known.recent, ...verified.recent].slice(-30),
        watch: verified.watch ?? known.watch,
        previous: verified.set ?? known.previous,
      };
      return verified;
    },
  };
}
