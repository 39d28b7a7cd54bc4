import { loadClientConfig, Perennial } from '@perennial/client';
import { invalid, type PlatformError } from '@perennial/kernel';
import type { Command } from 'commander';
import { table } from './table.js';

/** A person who has no platform running wants to hear so soon. */
const cliRetryMs = 500;

/** The platform that this folder or the environment names. */
export function platform(): Perennial {
  return new Perennial(loadClientConfig(), { retryMs: cliRetryMs });
}

/** Prints the answer: as JSON when asked, else as `text` says. */
export function print(command: Command, answer: unknown, text: () => string): void {
  const asJson = command.optsWithGlobals()['json'] === true;
  process.stdout.write(`${asJson ? JSON.stringify(answer, undefined, 2) : text()}\n`);
}

/** A list as a table, or a sentence where it is empty. */
export function listing(rows: Record<string, unknown>[], columns: string[], empty: string): string {
  return rows.length === 0 ? empty : table(rows, columns);
}

/** Text of any JSON value for a cell or a line. */
export function text(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** Who asks, for the audit trail: the operating system's user. */
export function whoAsks(): string {
  return process.env['USER'] ?? process.env['LOGNAME'] ?? 'operator';
}

/** What `--limit` says. @throws PlatformError QUERY_INVALID */
export function countIn(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw invalid('QUERY_INVALID', `--limit: "${text}" must be a number from 1`, { field: 'limit' });
}

/** A file that a person named and that cannot be read, in the words of the system and without its code. */
export function unreadable(path: string, cause: unknown): PlatformError {
  const why = (cause as Error).message.replace(/^[A-Z0-9]+: /, '').replace(/, \w+( '.*')?$/, '');
  return invalid('FILE_UNREADABLE', `cannot read ${path}: ${why}`, { cause, field: 'file' });
}
