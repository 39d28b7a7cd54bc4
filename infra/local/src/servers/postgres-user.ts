import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chownSync, cpSync, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';

/** PostgreSQL refuses to run as root. Who runs it instead, and where its files must lie for that. */
export interface PostgresUser {
  readonly way: 'self' | 'namespace' | 'nobody';
  readonly wrap: readonly string[];
  readonly identity?: { readonly uid: number; readonly gid: number };
  readonly binaries: string;
  readonly dir: string;
}

/** The uid and gid of `nobody` on Linux. */
const nobody = { uid: 65_534, gid: 65_534 };

/** A user namespace in which root appears as uid 1; the files stay root's, and no user is made on the host. */
const namespaceWrap = ['unshare', '--user', '--map-user=1', '--map-group=1'];

/**
 * An ordinary user runs it as himself. Root runs it in a user namespace, or, where there are none (a chroot, many
 * containers), as `nobody`; folders that nobody may not enter (a checkout under /root) are replaced by a copy of the
 * binaries in /var/tmp and data in /var/lib.
 */
export function postgresUser(
  binaries: string,
  dir: string,
  way: PostgresUser['way'] = bestWay(),
): PostgresUser {
  if (way === 'self') return { way, wrap: [], binaries, dir };
  if (way === 'namespace') return { way, wrap: namespaceWrap, binaries, dir };
  const place = isReachable(path.dirname(dir)) ? dir : path.join('/var/lib/perennial', shortName(dir));
  mkdirSync(path.dirname(place), { recursive: true, mode: 0o755 });
  if (!existsSync(place)) mkdirSync(place, { mode: 0o700 });
  chownSync(place, nobody.uid, nobody.gid);
  return { way, wrap: [], identity: nobody, binaries: reachableBinaries(binaries), dir: place };
}

function bestWay(): PostgresUser['way'] {
  if (process.getuid?.() !== 0) return 'self';
  try {
    execFileSync(namespaceWrap[0] as string, [...namespaceWrap.slice(1), 'true'], { stdio: 'ignore' });
    return 'namespace';
  } catch {
    return 'nobody';
  }
}

/** Whether every folder on the way may be entered by others. */
function isReachable(dir: string): boolean {
  for (let at = path.resolve(dir); ; at = path.dirname(at)) {
    const mode = statSync(at, { throwIfNoEntry: false })?.mode;
    if (mode !== undefined && (mode & 0o001) === 0) return false;
    if (at === path.dirname(at)) return true;
  }
}

function reachableBinaries(binaries: string): string {
  if (isReachable(binaries)) return binaries;
  const copy = path.join('/var/tmp', `perennial-postgres-${shortName(binaries)}`);
  // Root's own copy only: anybody may write to /var/tmp.
  const owner = statSync(copy, { throwIfNoEntry: false })?.uid;
  if (owner === 0) return copy;
  if (owner !== undefined) rmSync(copy, { recursive: true });
  const partial = `${copy}.${process.pid}`;
  cpSync(binaries, partial, { recursive: true, verbatimSymlinks: true });
  renameSync(partial, copy);
  return copy;
}

function shortName(dir: string): string {
  return createHash('sha256').update(path.resolve(dir)).digest('hex').slice(0, 12);
}
