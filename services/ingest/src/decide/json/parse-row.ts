import { invalid } from '@perennial/kernel';

/** A record, not a document; engines read deeper ones and then cannot write them. */
const depthMax = 64;
/** As many digits may be an integer beyond 2^53; a number with such an exponent may be beyond all numbers. */
const maybeInexact = /\d{16}|\d[eE]\+?\d{3}/;
const spacedColon = /"[ \t\r\n]+:/;

/**
 * Parses one row's JSON as it was meant, or not at all: a member that is there twice, an integer that a number cannot
 * hold and nesting without end would all be read by `JSON.parse` without a word.
 *
 * @throws PlatformError ROW_MALFORMED, ROW_NUMBER
 */
export function parseRow(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid('ROW_MALFORMED', `not JSON: ${whyNot(text, error as Error)}`, { cause: error });
  }
  const members = countMembers(value, 0);
  if (maybeInexact.test(text) || countColons(text) !== members) new Scan(text).run();
  return value;
}

function whyNot(text: string, { message }: Error): string {
  if (text.trim() === '') return 'nothing';
  if (/[:[,]\s*-?(NaN|Infinity)/.test(text)) return 'NaN and Infinity are no numbers in JSON; send null';
  return message;
}

/** @throws PlatformError ROW_MALFORMED where it is nested too deeply */
function countMembers(value: unknown, depth: number): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (depth > depthMax) throw invalid('ROW_MALFORMED', `nested more than ${depthMax} deep`);
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value) count += countMembers(item, depth + 1);
    return count;
  }
  for (const name in value) {
    count++;
    const member = (value as Record<string, unknown>)[name];
    if (typeof member === 'object') count += countMembers(member, depth + 1);
  }
  return count;
}

/**
 * Quotes before colons: one for each member as it stands in the text, and more where texts hold some themselves. As many
 * as the value has members means that none was there twice. -1 where it cannot be told so cheaply.
 */
function countColons(text: string): number {
  if (spacedColon.test(text)) return -1;
  let count = 0;
  for (let at = text.indexOf('":'); at !== -1; at = text.indexOf('":', at + 2)) count++;
  return count;
}

const token = /"(?:[^"\\]+|\\.)*"|-?\d[\d.eE+-]*|[{}[\]:,]/gsu;

/** Goes through the tokens of well-formed JSON. */
class Scan {
  /** Names seen in each open object; undefined for an open array. */
  readonly #open: (Set<string> | undefined)[] = [];
  #name = '';
  #isName = false;

  constructor(private readonly text: string) {}

  /** @throws PlatformError ROW_MALFORMED, ROW_NUMBER */
  run(): void {
    for (const [found] of this.text.matchAll(token)) {
      const first = found[0] as string;
      if (first === '"') this.#string(found);
      else if (first === '{') this.#enter(new Set());
      else if (first === '[') this.#enter(undefined);
      else if (first === '}' || first === ']') this.#leave();
      else if (first === ',') this.#isName = this.#open.at(-1) !== undefined;
      else if (first !== ':') this.#number(found);
    }
  }

  #enter(names: Set<string> | undefined): void {
    this.#open.push(names);
    this.#isName = names !== undefined;
  }

  #leave(): void {
    this.#open.pop();
    this.#isName = false;
  }

  #string(found: string): void {
    const names = this.#open.at(-1);
    if (!this.#isName || !names) return;
    this.#isName = false;
    this.#name = JSON.parse(found) as string;
    if (names.size === names.add(this.#name).size) {
      throw invalid('ROW_MALFORMED', `${this.#name}: the member is there twice`, { field: this.#name });
    }
  }

  #number(found: string): void {
    const value = Number(found);
    const isExact = Number.isSafeInteger(value) || !/^-?\d+$/.test(found) || BigInt(found) === exact(value);
    if (Number.isFinite(value) && isExact) return;
    throw invalid(
      'ROW_NUMBER',
      `${this.#name || 'the row'}: ${found.slice(0, 40)} is more than a number holds exactly; send it as a text`,
      this.#name ? { field: this.#name } : {},
    );
  }
}

function exact(value: number): bigint | undefined {
  return Number.isFinite(value) ? BigInt(value) : undefined;
}
