export { openTables, type TablesOptions } from './open-tables.js';
export { quoteIdentifier, quoteText } from './quote.js';
export type { Cell, ColumnSpec, ColumnType, Parameters, Tables } from './tables.js';
export { writeRows } from './write-rows.js';
