import { accessSync, constants, mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the checkout; this file lies in infra/local/{src,dist}. */
export const rootDir = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

/**
 * A writable folder for what was fetched and can be fetched again: the user's cache folder, or `.perennial/cache` in
 * the checkout where there is no home (containers, build machines). The folder exists after the call.
 */
export function cacheDir(env: NodeJS.ProcessEnv = process.env): string {
  const base = env['XDG_CACHE_HOME'] || (env['HOME'] ? path.join(env['HOME'], '.cache') : undefined);
  if (base !== undefined) {
    const dir = path.join(base, 'perennial');
    try {
      mkdirSync(dir, { recursive: true });
      accessSync(dir, constants.W_OK);
      return dir;
    } catch {
      // A home that cannot be written to counts as none.
    }
  }
  const dir = path.join(rootDir, '.perennial', 'cache');
  mkdirSync(dir, { recursive: true });
  return dir;
}
