import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';

/** Writes a file that only its owner may read (0600), whole or not at all. */
export function writePrivateFile(file: string, text: string): void {
  const temporary = `${file}.${randomBytes(4).toString('hex')}`;
  writeFileSync(temporary, text, { mode: 0o600 });
  renameSync(temporary, file);
}

/** The trimmed text of a file, or undefined where there is none. */
export function readTextFile(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The secret kept in the file; made and kept at the first call. */
export function rememberedSecret(file: string, make: () => string): string {
  const known = readTextFile(file);
  if (known) return known;
  const secret = make();
  writePrivateFile(file, `${secret}\n`);
  return secret;
}
