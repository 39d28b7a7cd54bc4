import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { ArtifactStore } from '@perennial/artifacts';
import { CsvReader, type CsvRecord, csvSeparator, type Digest } from '@perennial/kernel';
import { type ErasureKey, holdsKey, isKeyValue, withoutExpected, withoutKey } from './key.js';

/** A JSON document beyond this is no request's, and is not parsed in one piece. */
const documentBytesMax = 64 * 1024 * 1024;
/** The header of a CSV file lies within it. */
const headBytesMax = 64 * 1024;

export type TextForm = 'json' | 'jsonl' | 'csv';

/** What a text artifact is by its beginning; undefined where it can hold no rows of the key. */
export function textForm(head: Uint8Array, key: ErasureKey): TextForm | undefined {
  const text = Buffer.from(head.subarray(0, headBytesMax)).toString('utf8');
  if (/^\s*[[{]/.test(text)) return isLines(text) ? 'jsonl' : 'json';
  const header = text.slice(0, text.indexOf('\n') >>> 0);
  if (text.includes('\u0000') || !header.includes(key.column)) return undefined;
  return cellsOf(header).includes(key.column) ? 'csv' : undefined;
}

/** JSON lines: the first line alone is a whole object, and another one follows. */
function isLines(text: string): boolean {
  const end = text.indexOf('\n');
  if (end === -1 || !/^\s*\{/.test(text.slice(end + 1))) return false;
  try {
    JSON.parse(text.slice(0, end));
    return true;
  } catch {
    return false;
  }
}

function cellsOf(header: string): readonly string[] {
  const reader = new CsvReader(csvSeparator(header));
  return [...reader.add(`${header}\n`)][0]?.cells ?? [];
}

/**
 * Writes a text artifact without the rows of the key to `target`; a schema without its value.
 *
 * @returns how many rows went; 0: nothing was written
 */
export async function rewriteText(
  artifacts: ArtifactStore,
  { digest, bytes, form }: { digest: Digest; bytes: number; form: TextForm },
  { key, target }: { key: ErasureKey; target: string },
): Promise<number> {
  const texts = textsOf(await artifacts.read(digest));
  let rows = 0;
  const counted = () => rows++;
  if (form === 'json') {
    if (bytes > documentBytesMax) return 0;
    let text = '';
    for await (const piece of texts) text += piece;
    const { rest: others, rows: gone } = withoutKey(parsed(text), key);
    const { rest, values } = withoutExpected(others, key);
    if (gone + values > 0) await pipeline([JSON.stringify(rest ?? {})], createWriteStream(target));
    return gone + values;
  }
  const kept = form === 'jsonl' ? linesKept(texts, key, counted) : recordsKept(texts, key, counted);
  await pipeline(kept, createWriteStream(target));
  return rows;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function* linesKept(
  texts: AsyncIterable<string>,
  key: ErasureKey,
  gone: () => void,
): AsyncGenerator<string> {
  let rest = '';
  for await (const text of texts) {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (holdsKey(parsed(line), key)) gone();
      else yield `${line}\n`;
    }
  }
  if (rest === '') return;
  if (holdsKey(parsed(rest), key)) gone();
  else yield rest;
}

async function* recordsKept(
  texts: AsyncIterable<string>,
  key: ErasureKey,
  gone: () => void,
): AsyncGenerator<string> {
  let reader: CsvReader | undefined;
  let separator = ',';
  let at = -1;
  const lineOf = ({ cells, quoted }: CsvRecord) => {
    if (at === -1) at = cells.indexOf(key.column);
    else if (isKeyValue(cells[at], key)) {
      gone();
      return '';
    }
    // Quoted as it came: a quoted number is a text.
    return `${cells.map((cell, i) => (quoted[i] ? `"${cell.replaceAll('"', '""')}"` : cell)).join(separator)}\n`;
  };
  for await (const text of texts) {
    if (!reader) {
      separator = csvSeparator(text.slice(0, text.indexOf('\n') >>> 0));
      reader = new CsvReader(separator);
    }
    for (const record of reader.add(text)) yield lineOf(record);
  }
  if (reader) for (const record of reader.end()) yield lineOf(record);
}

async function* textsOf(content: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  for await (const piece of content) yield decoder.decode(piece, { stream: true });
  yield decoder.decode();
}
