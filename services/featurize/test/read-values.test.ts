import path from 'node:path';
import { openTables, quoteText } from '@perennial/tables';
import { tempDir } from '@perennial/testkit';
import { expect, test } from 'vitest';
import { readValues } from '../src/effects/read-values.js';

test('values of any event time are read, also where microseconds have more digits than a number keeps', async () => {
  const tables = await openTables({});
  const file = path.join(tempDir('values'), 'rows.parquet');
  await tables.run(
    `copy (select * from (values ('old', timestamp '0001-01-01'), ('new', timestamp '9999-12-31 23:59:59.999'))
       as rows(_p_row_id, _p_event_time)) to ${quoteText(file)} (format parquet)`,
  );
  const series = { by: [], from: { row: true }, lastCount: 2 } as unknown as Parameters<typeof readValues>[1];
  const values = await readValues(tables, series, { files: [{ path: file, place: 'a' }], fromUs: 0 });
  await tables.close();
  expect(values.map(({ rowKey, eventUs }) => [rowKey, new Date(eventUs / 1_000).toISOString()])).toEqual(
    expect.arrayContaining([
      ['old', '0001-01-01T00:00:00.000Z'],
      ['new', '9999-12-31T23:59:59.999Z'],
    ]),
  );
});
