import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Database } from './database.js';
import { Lane } from './lane.js';
import type { Tables } from './tables.js';

const MiB = 1024 * 1024;

export interface TablesOptions {
  /** Default 2: what we promise to work on. */
  threads?: number;
  /** Beyond it DuckDB spills to `tempDir`. Default 512 MiB. */
  memoryLimitBytes?: number;
  /** Where to spill; a folder of its own is made inside. Default: the system's temporary folder. */
  tempDir?: string;
}

/**
 * An in-memory DuckDB that reads and writes files. It never fetches an extension. The native library is loaded with the
 * first query, so that a process which never asks pays nothing.
 */
export async function openTables({
  threads = 2,
  memoryLimitBytes = 512 * MiB,
  tempDir = tmpdir(),
}: TablesOptions): Promise<Tables> {
  const spillDir = await mkdtemp(path.join(tempDir, 'perennial-tables-'));
  let database: Promise<Database> | undefined;
  const open = () => {
    database ??= import('./database.js').then((module) =>
      module.openDatabase({
        threads: String(threads),
        memory_limit: `${Math.round(memoryLimitBytes / 1024)}KiB`,
        temp_directory: spillDir,
        autoinstall_known_extensions: 'false',
        autoload_known_extensions: 'false',
        // What a large query took goes back to the system after it, and files read once are not kept in memory.
        allocator_background_threads: 'true',
        enable_external_file_cache: 'false',
      }),
    );
    return database;
  };
  return new Lane(open, async () => {
    if (database) (await database).close();
    await rm(spillDir, { recursive: true, force: true });
  });
}
