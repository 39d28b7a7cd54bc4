import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatEventTime, invalid, parseEventTime } from '@perennial/kernel';

type Format = 'json' | 'jsonl' | 'csv' | 'parquet' | 'arrow';

/** The file itself, or a temporary Parquet file with only what happened from `from` to before `to`. */
export async function selectSpan(
  file: string,
  format: Format,
  { from, to, time = 'date' }: { from?: string; to?: string; time?: string },
): Promise<{ path: string; format: Format; remove: () => Promise<void> }> {
  if (from === undefined && to === undefined) return { path: file, format, remove: async () => {} };
  if ((format !== 'parquet' && format !== 'csv') || /\.(gz|zst)$/i.test(file)) {
    throw invalid('SPAN_UNSUPPORTED', '--from and --to work on plain .parquet and .csv files', {
      field: 'from',
    });
  }
  // The native library takes longer to load than most commands to run.
  const { openTables, quoteIdentifier, quoteText } = await import('@perennial/tables');
  const timestamp = (text: string, field: string) => `timestamp ${quoteText(sqlTime(text, field))}`;
  const folder = await mkdtemp(join(tmpdir(), 'perennial-publish-'));
  const path = join(folder, 'span.parquet');
  const reader = format === 'csv' ? 'read_csv' : 'read_parquet';
  const bounds = [
    ...(from === undefined ? [] : [`${quoteIdentifier(time)} >= ${timestamp(from, 'from')}`]),
    ...(to === undefined ? [] : [`${quoteIdentifier(time)} < ${timestamp(to, 'to')}`]),
  ];
  const tables = await openTables({});
  try {
    const described = await tables.rows(`describe select * from ${reader}(${quoteText(file)})`);
    requireColumn(
      time,
      described.map((column) => String(column['column_name'])),
    );
    await tables.run(
      `copy (select * from ${reader}(${quoteText(file)}) where ${bounds.join(' and ')}) to ${quoteText(path)} (format parquet)`,
    );
  } finally {
    await tables.close();
  }
  return { path, format: 'parquet', remove: () => rm(folder, { recursive: true, force: true }) };
}

function requireColumn(time: string, columns: readonly string[]): void {
  if (columns.includes(time)) return;
  throw invalid(
    'SPAN_COLUMN_UNKNOWN',
    `the file has no column "${time}" but ${columns.join(', ')}; name the one of event time with --time`,
    { field: 'time' },
  );
}

function sqlTime(text: string, field: string): string {
  return formatEventTime(parseEventTime(text, field)).replace('T', ' ').replace('Z', '');
}
