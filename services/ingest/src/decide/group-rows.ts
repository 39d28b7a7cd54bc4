import type { ArrivingRow, Cell } from './arriving-row.js';

/** A column of a segment, as it is written. */
export type CellType = 'DOUBLE' | 'VARCHAR' | 'BOOLEAN';

export interface Column {
  readonly name: string;
  readonly type: CellType;
}

/** Rows that fit one table: every column has one type, or is missing. */
export interface RowGroup {
  readonly columns: readonly Column[];
  readonly rows: readonly ArrivingRow[];
}

/** As many as one row may have; rows that each bring a column of their own would else make a table without end. */
const groupColumnsMax = 1_000;

interface OpenGroup {
  /** By name in lower case: SQL tells columns apart by that alone. */
  readonly columns: Map<string, Column>;
  readonly rows: ArrivingRow[];
}

/**
 * Splits rows into as few groups as a first fit finds, so that one row with text where numbers stand does not turn its
 * neighbours' numbers into text. The order within a group is the order of arrival.
 */
export function groupRows(rows: readonly ArrivingRow[]): RowGroup[] {
  const groups: OpenGroup[] = [];
  // Rows of the same names and types always go where the first of them went: groups only grow by what fits.
  const byShape = new Map<string, OpenGroup>();
  for (const row of rows) {
    const shape = shapeOf(row);
    let group = byShape.get(shape);
    if (!group) {
      group = groupFor(columnsOf(row), groups);
      byShape.set(shape, group);
    }
    group.rows.push(row);
  }
  return groups.map((group) => ({ columns: [...group.columns.values()], rows: group.rows }));
}

function groupFor(columns: readonly Column[], groups: OpenGroup[]): OpenGroup {
  let group = groups.find((open) => fits(open, columns));
  if (!group) {
    group = { columns: new Map(), rows: [] };
    groups.push(group);
  }
  for (const column of columns) group.columns.set(column.name.toLowerCase(), column);
  return group;
}

function fits(group: OpenGroup, columns: readonly Column[]): boolean {
  let added = 0;
  const isAlike = columns.every(({ name, type }) => {
    const known = group.columns.get(name.toLowerCase());
    if (!known) added++;
    return !known || (known.name === name && known.type === type);
  });
  return isAlike && (group.columns.size === 0 || group.columns.size + added <= groupColumnsMax);
}

function shapeOf(row: ArrivingRow): string {
  let shape = '';
  for (const name in row.values) {
    const cell = row.values[name] as Cell;
    if (cell !== null) shape += `${typeof cell} ${name}\n`;
  }
  return shape;
}

function columnsOf(row: ArrivingRow): Column[] {
  return Object.entries(row.values)
    .filter(([, cell]) => cell !== null)
    .map(([name, cell]) => ({ name, type: typeOf(cell) }));
}

function typeOf(cell: Cell): CellType {
  if (typeof cell === 'number') return 'DOUBLE';
  return typeof cell === 'boolean' ? 'BOOLEAN' : 'VARCHAR';
}
