import { invalid } from './errors.js';

/** One record of a CSV file; `line` is where it begins, from 1. */
export interface CsvRecord {
  readonly line: number;
  readonly cells: readonly string[];
  /** Whether each cell stood in quotes: a quoted number is text, a quoted nothing is empty text. */
  readonly quoted: readonly boolean[];
}

/** One record is a row, and a row is no document; an unclosed quote would otherwise take the whole file. */
const recordCharactersMax = 1_048_576;

/**
 * Reads CSV as RFC 4180 has it: quotes may hold separators, line breaks and doubled quotes; lines end in LF or CRLF.
 * Feed it text in pieces, then `end()`. Empty lines are no records.
 */
export class CsvReader {
  #line = 1;
  #recordLine = 1;
  #cells: string[] = [];
  #quoted: boolean[] = [];
  #cell = '';
  #isQuoted = false;
  #size = 0;
  #state: 'start' | 'plain' | 'quoted' | 'closing' = 'start';

  constructor(private readonly separator: string) {}

  /** Records that end within this piece. @throws PlatformError CSV_MALFORMED, naming the line */
  *add(text: string): Generator<CsvRecord> {
    for (const character of text) {
      if (character === '\n') this.#line++;
      if (++this.#size > recordCharactersMax)
        throw this.#malformed('the record does not end; is a quote unclosed');
      if (this.#state === 'quoted') {
        if (character === '"') this.#state = 'closing';
        else this.#cell += character;
      } else if (character === '\n') {
        const record = this.#take();
        if (record) yield record;
      } else {
        this.#outsideQuotes(character);
      }
    }
  }

  /** The record at the end of a file without a last line break. */
  *end(): Generator<CsvRecord> {
    if (this.#state === 'quoted') throw this.#malformed('a quote is not closed');
    const record = this.#take();
    if (record) yield record;
  }

  #outsideQuotes(character: string): void {
    if (character === this.separator) {
      this.#endCell();
    } else if (character === '"' && this.#state === 'start') {
      this.#state = 'quoted';
      this.#isQuoted = true;
    } else if (character === '"' && this.#state === 'closing') {
      this.#cell += '"';
      this.#state = 'quoted';
    } else if (character !== '\r') {
      if (this.#state === 'closing') throw this.#malformed('text follows a closing quote');
      this.#cell += character;
      this.#state = 'plain';
    }
  }

  #endCell(): void {
    this.#cells.push(this.#cell);
    this.#quoted.push(this.#isQuoted);
    this.#cell = '';
    this.#isQuoted = false;
    this.#state = 'start';
  }

  #take(): CsvRecord | undefined {
    const isEmpty = this.#cells.length === 0 && this.#cell === '' && !this.#isQuoted;
    this.#endCell();
    const record = { line: this.#recordLine, cells: this.#cells, quoted: this.#quoted };
    this.#cells = [];
    this.#quoted = [];
    this.#size = 0;
    this.#recordLine = this.#line;
    return isEmpty ? undefined : record;
  }

  #malformed(what: string): Error {
    return invalid('CSV_MALFORMED', `line ${this.#recordLine}: ${what}`);
  }
}

const numberPattern = /^[+-]?(0|[1-9]\d*)?(\.\d+|\.)?([eE][+-]?\d+)?$/;
const separators = [',', ';', '\t', '|'] as const;

/** The separator of a CSV file, by its first line: the one that stands there most often. */
export function csvSeparator(headerLine: string): string {
  const count = (separator: string) => headerLine.split(separator).length;
  return [...separators].reduce((best, next) => (count(next) > count(best) ? next : best));
}

/** Numbers with a leading zero ("007") are codes, not numbers. */
export function isCsvNumber(text: string): boolean {
  return numberPattern.test(text) && /\d/.test(text) && Number.isFinite(Number(text));
}

export function isCsvBoolean(text: string): boolean {
  return /^(true|false)$/i.test(text);
}

/** One line with its end; an empty text is quoted, since nothing at all stands for null. */
export function csvLine(cells: readonly (string | number | boolean | null)[], separator = ','): string {
  return `${cells.map((cell) => csvCell(cell, separator)).join(separator)}\n`;
}

function csvCell(cell: string | number | boolean | null, separator: string): string {
  if (cell === null) return '';
  if (typeof cell !== 'string') return String(cell);
  const mustQuote = cell === '' || /["\r\n]/.test(cell) || cell.includes(separator);
  return mustQuote ? `"${cell.replaceAll('"', '""')}"` : cell;
}
