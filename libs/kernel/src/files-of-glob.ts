import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isGlob, parseGlob } from './glob.js';

export interface FoundFile {
  readonly path: string;
  readonly bytes: number;
  /** Ms since the epoch. */
  readonly modifiedAt: number;
}

/**
 * The files that a text means, sorted by path: one file, every file of a folder that is no hidden one (not of the folders
 * in it), or what a pattern matches (see `parseGlob`). What goes while we look is left out; nothing there gives nothing.
 */
export async function filesOfGlob(text: string): Promise<FoundFile[]> {
  if (!isGlob(text)) {
    const state = await stat(text).catch(ifAbsent);
    if (!state) return [];
    if (!state.isDirectory()) return [{ path: text, bytes: state.size, modifiedAt: state.mtimeMs }];
  }
  const { base, depthMax, matches } = parseGlob(isGlob(text) ? text : join(text, '*'));
  const found: FoundFile[] = [];
  await walk(base === '' ? '.' : base, '', 0);
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));

  async function walk(folder: string, relative: string, depth: number): Promise<void> {
    for (const entry of (await readdir(folder, { withFileTypes: true }).catch(ifAbsent)) ?? []) {
      const below = relative === '' ? entry.name : `${relative}/${entry.name}`;
      const path = base === '' ? below : join(base, below);
      // Links to folders are not followed: they may lead round in a circle.
      if (entry.isDirectory() && depth < depthMax) await walk(path, below, depth + 1);
      if (entry.isDirectory() || !matches(below)) continue;
      const state = await stat(path).catch(ifAbsent);
      if (state?.isFile()) found.push({ path, bytes: state.size, modifiedAt: state.mtimeMs });
    }
  }
}

function ifAbsent(error: unknown): undefined {
  if (/^(ENOENT|ENOTDIR)$/.test(String((error as NodeJS.ErrnoException).code))) return undefined;
  throw error;
}
