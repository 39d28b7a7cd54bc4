import { closeSync, fstatSync, openSync, readSync, renameSync, statSync } from 'node:fs';

/** A log over this is put aside at the next start: one older file is kept. */
const logBytesMax = 20 * 1024 * 1024;
/** Enough for some hundred lines. */
const tailBytesMax = 64 * 1024;

/** The last lines of a log; empty when there is none. */
export function logTail(file: string, lineCount = 40): string {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch {
    return '';
  }
  try {
    const size = fstatSync(descriptor).size;
    const start = Math.max(0, size - tailBytesMax);
    const bytes = Buffer.alloc(size - start);
    const read = readSync(descriptor, bytes, 0, bytes.length, start);
    return bytes.toString('utf8', 0, read).trimEnd().split('\n').slice(-lineCount).join('\n');
  } finally {
    closeSync(descriptor);
  }
}

/** Puts a log that has grown too long aside as `<file>.old`. */
export function rotateLog(file: string): void {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size > logBytesMax) renameSync(file, `${file}.old`);
}

/** How soon a line of a followed log is shown. */
const followEveryMs = 200;

/** Copies what is added to a log from now on to the console, `name | ` before each line. Returns the end of it. */
export function followLog(file: string, name: string): () => void {
  let position = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  let rest = '';
  const copy = () => {
    const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    if (size <= position) {
      // Shorter than before: the log was put aside and begun anew.
      if (size < position) position = 0;
      return;
    }
    const descriptor = openSync(file, 'r');
    const bytes = Buffer.alloc(size - position);
    position += readSync(descriptor, bytes, 0, bytes.length, position);
    closeSync(descriptor);
    const lines = (rest + bytes.toString('utf8')).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) process.stdout.write(`${name} | ${line}\n`);
  };
  const timer = setInterval(copy, followEveryMs);
  return () => {
    clearInterval(timer);
    copy();
  };
}
