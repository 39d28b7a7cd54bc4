import { invalid } from '@perennial/kernel';

/** An element of an array as it stands in the text, counted from 1. */
export interface ArrayItem {
  readonly where: string;
  readonly text: string;
}

const [quote, backslash, comma] = [0x22, 0x5c, 0x2c];
const [openBracket, closeBracket, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d];
const isSpace = (code: number) => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;

/**
 * Takes the elements out of one JSON array that comes in pieces, so that it never lies in memory whole. What an element
 * holds is not looked at: a bad one is bad alone, as long as its brackets and quotes close.
 */
export class ArrayItems {
  #state: 'before' | 'value' | 'between' | 'after' = 'before';
  /** Parts of the element that is open. */
  #text = '';
  #depth = 0;
  #isString = false;
  #isEscaped = false;
  #count = 0;

  constructor(private readonly itemCharactersMax: number) {}

  /** Elements that end within this piece. @throws PlatformError ROW_MALFORMED, ROW_TOO_LARGE */
  *add(piece: string): Generator<ArrayItem> {
    let start = this.#depth > 0 || this.#text !== '' ? 0 : -1;
    for (let at = 0; at < piece.length; at++) {
      const code = piece.charCodeAt(at);
      if (this.#isString) {
        if (this.#isEscaped) this.#isEscaped = false;
        else if (code === backslash) this.#isEscaped = true;
        else if (code === quote) this.#isString = false;
        continue;
      }
      if (this.#depth === 0 && start === -1) {
        if (isSpace(code)) continue;
        if (this.#isStructure(code)) continue;
        start = at;
      }
      if (code === quote) this.#isString = true;
      else if (code === openBrace || code === openBracket) this.#depth++;
      else if (this.#depth > 0 && (code === closeBrace || code === closeBracket)) this.#depth--;
      else if (this.#depth === 0 && (code === comma || code === closeBracket)) {
        yield this.#item(this.#text + piece.slice(start, at));
        this.#text = '';
        start = -1;
        this.#state = code === comma ? 'value' : 'after';
      }
    }
    if (start !== -1) this.#text += piece.slice(start);
    if (this.#text.length > this.itemCharactersMax)
      throw invalid('ROW_TOO_LARGE', `row ${this.#count + 1} does not end; one element is one row`);
  }

  /** @throws PlatformError ROW_MALFORMED where the array is not closed */
  end(): void {
    if (this.#state !== 'after') throw this.#wrong('the array does not end');
  }

  /** Brackets and commas between elements; false where an element begins. */
  #isStructure(code: number): boolean {
    if (this.#state === 'before') {
      if (code !== openBracket) throw this.#wrong('no array begins here');
      this.#state = 'between';
      return true;
    }
    if (this.#state === 'after') throw this.#wrong('something follows the end of the array');
    if (code === closeBracket && this.#state === 'between') {
      this.#state = 'after';
      return true;
    }
    if (code === comma || code === closeBracket) throw this.#wrong('an element is missing');
    return false;
  }

  #item(text: string): ArrayItem {
    this.#count++;
    return { where: `row ${this.#count}`, text: text.trim() };
  }

  #wrong(what: string) {
    return invalid('ROW_MALFORMED', `not JSON: ${what} (after ${this.#count} rows)`);
  }
}

/** The elements of an array that is in memory. @throws PlatformError ROW_MALFORMED */
export function itemsOfArray(text: string): ArrayItem[] {
  const items = new ArrayItems(text.length);
  const all = [...items.add(text)];
  items.end();
  return all;
}
