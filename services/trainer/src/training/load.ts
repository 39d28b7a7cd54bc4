import { PlatformError } from '@perennial/kernel';
import type { Column } from '@perennial/onnx';
import { quoteIdentifier, type Tables } from '@perennial/tables';

/** A training or hold-out file as columns, rows without a label left out. */
export interface LoadedRows {
  readonly rows: number;
  /** Every column asked for that the file has. */
  readonly columns: Readonly<Record<string, Column>>;
  readonly label: Float64Array;
  /** Epoch milliseconds. */
  readonly eventTime: Float64Array;
}

const eventTimeColumn = '_p_event_time';

/**
 * Reads the wanted columns in the file's order; `needed` ones must be there.
 *
 * @throws PlatformError TRAINING_COLUMNS_MISSING
 */
export async function loadRows(
  tables: Tables,
  file: string,
  label: string,
  { needed, wanted = [] }: { needed: readonly string[]; wanted?: readonly string[] },
): Promise<LoadedRows> {
  const described = await tables.rows('describe select * from read_parquet($file)', { file });
  const types = new Map(described.map((row) => [String(row['column_name']), String(row['column_type'])]));
  const present = { has: (name: string) => cellSql(types, name) !== undefined };
  const missing = [...needed, label, eventTimeColumn].filter((name) => !present.has(name));
  if (missing.length > 0) {
    throw new PlatformError(
      'TRAINING_COLUMNS_MISSING',
      'us',
      'never',
      `the training set lacks the columns ${missing.join(', ')}`,
      { internal: file },
    );
  }
  const names = [...new Set([...needed, ...wanted, label, eventTimeColumn])].filter((name) =>
    present.has(name),
  );
  const list = names.map((name) => `${cellSql(types, name)} as ${quoteIdentifier(name)}`).join(', ');
  const columns = await tables.columns(
    `select ${list} from read_parquet($file) where ${quoteIdentifier(label)} is not null`,
    { file },
  );
  const labels = columns[label];
  if (!(labels instanceof Float64Array)) {
    throw new PlatformError('LABEL_INVALID', 'caller', 'never', `label ${label}: it is text, not a number`, {
      field: 'label',
    });
  }
  return {
    rows: labels.length,
    columns,
    label: labels,
    eventTime: columns[eventTimeColumn] as Float64Array,
  };
}

/** A column, or of a list the one number that `name[at]` means; undefined where the file has neither. */
function cellSql(types: ReadonlyMap<string, string>, name: string): string | undefined {
  if (types.has(name)) return quoteIdentifier(name);
  const [, list = '', at = ''] = /^(.*)\[(\d+)\]$/.exec(name) ?? [];
  return types.get(list)?.endsWith(']') ? `${quoteIdentifier(list)}[${Number(at) + 1}]` : undefined;
}
