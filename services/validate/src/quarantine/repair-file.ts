import { invalid, PlatformError } from '@perennial/kernel';
import { columnsOfExpression, type Expression, expressionToSql } from '@perennial/spec';
import { quoteIdentifier, type Tables } from '@perennial/tables';
import { type SegmentColumns, segmentColumns } from '../effects/read-segment.js';
import type { SegmentFiles } from '../effects/segment-files.js';
import { copyWhere } from '../effects/split-segment.js';
import type { ColumnType } from '../schema/value.js';

const duckTypes: Readonly<Record<ColumnType, string>> = {
  number: 'double',
  text: 'varchar',
  boolean: 'boolean',
};

export interface RepairOrder {
  readonly column: string;
  readonly expression: Expression;
  /** What the column should hold; undefined where nothing is known of it. */
  readonly type: ColumnType | undefined;
}

export interface RepairMeans {
  readonly tables: Tables;
  readonly files: SegmentFiles;
}

/**
 * Writes held rows anew with one column computed from the row's own columns.
 *
 * @returns the digest of the repaired file, or the columns there are where the one to repair is not among them
 * @throws PlatformError REPAIR_COLUMN_UNKNOWN, REPAIR_EXPRESSION_FAILED
 */
export async function repairFile(
  { tables, files }: RepairMeans,
  digest: string,
  { column, expression, type }: RepairOrder,
): Promise<{ digest: string } | { columns: readonly string[] }> {
  const path = await files.path(digest);
  const columns = await segmentColumns(tables, path);
  const physical = columns.get(column);
  if (!physical) return { columns: [...columns.keys()] };
  checkColumns(expression, columns);
  const value = `cast(${expressionToSql(expression, quoteIdentifier)} as ${duckTypes[type ?? physical]})`;
  const replace = `${value} as ${quoteIdentifier(column)}`;
  try {
    return {
      digest: await files.store((target) => copyWhere(tables, { path, where: 'true', target, replace })),
    };
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'TABLES_QUERY_FAILED') throw failed(columns, error);
    throw error;
  }
}

function checkColumns(expression: Expression, columns: SegmentColumns): void {
  const unknown = columnsOfExpression(expression).find((name) => !columns.has(name));
  if (unknown === undefined) return;
  throw invalid(
    'REPAIR_COLUMN_UNKNOWN',
    `expression: the held rows have no column "${unknown}"; they have ${[...columns.keys()].join(', ')}`,
    { field: 'expression' },
  );
}

function failed(columns: SegmentColumns, cause: PlatformError): PlatformError {
  const types = [...columns].map(([name, type]) => `${name} (${type})`).join(', ');
  return invalid(
    'REPAIR_EXPRESSION_FAILED',
    `expression: it cannot be computed over the held rows; their columns are ${types}`,
    { field: 'expression', ...(cause.internal !== undefined && { internal: cause.internal }), cause },
  );
}
