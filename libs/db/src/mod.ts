export { type AnyDb, type Database, type DatabaseOptions, openDatabase, type Tx } from './database.js';
export { digestsInTables } from './digests.js';
export { eraseRows, type RowsToErase } from './erase-rows.js';
export { listen } from './listen.js';
export { migrate } from './migrate.js';
export { transact } from './transact.js';
export { isTransient } from './transient.js';
