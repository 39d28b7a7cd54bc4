import type { JsonObject, JsonValue } from '@bufbuild/protobuf';

/** Parts of an event's JSON, each kept to what every reader can read and PostgreSQL can store. */

const namesMax = 10_000;
const names = new Map<string, string>();

/** A name as JSON. Names of systems, features, versions and codes are few and come again and again. */
export function nameJson(name: string): string {
  let text = names.get(name);
  if (text === undefined) {
    text = textJson(name);
    if (names.size >= namesMax) names.clear();
    names.set(name, text);
  }
  return text;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: PostgreSQL's jsonb has no such character
const unfit = /[\u0000\p{Cs}]/u;

/** Lone surrogates and NUL, which a reader's database would refuse together with its neighbours, become U+FFFD. */
export function textJson(text: string): string {
  return JSON.stringify(unfit.test(text) ? text.replace(new RegExp(unfit, 'gu'), '\ufffd') : text);
}

/** Columns of a row. Models take plain values only: what is nested is named, not copied. */
export function objectJson(columns: JsonObject): string {
  if (hasOnlyNumbers(columns)) return JSON.stringify(columns);
  let text = '';
  for (const name in columns) {
    text += `${text === '' ? '{' : ','}${nameJson(name)}:${valueJson(columns[name])}`;
  }
  return text === '' ? '{}' : `${text}}`;
}

/** Most rows: the engine writes them in half the time, and an infinity as null, as we do. */
function hasOnlyNumbers(columns: JsonObject): boolean {
  for (const name in columns) if (typeof columns[name] !== 'number') return false;
  return true;
}

function valueJson(value: JsonValue | undefined): string {
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : 'null';
  if (typeof value === 'string') return textJson(value);
  if (value === true) return 'true';
  if (value === false) return 'false';
  if (value === null || value === undefined) return 'null';
  return Array.isArray(value) ? '"(a list)"' : '"(an object)"';
}

const yearOneMs = Date.UTC(2000, 0, 1) - 730_119 * 86_400_000;
const yearTenThousandMs = Date.UTC(10_000, 0, 1);

const minuteMs = 60_000;
const minutesMax = 64;
/** `"2024-03-01T06:00:` by its minute: events come in the order of time, and writing a date costs half a microsecond. */
const minutes = new Map<number, string>();

/** An ISO 8601 time in quotes; empty outside the years 1 to 9999, which ProtoJSON cannot say. */
export function timeJson(ms: number): string {
  if (!(ms >= yearOneMs && ms < yearTenThousandMs)) return '';
  const minute = Math.floor(ms / minuteMs);
  let text = minutes.get(minute);
  if (text === undefined) {
    text = `"${new Date(minute * minuteMs).toISOString().slice(0, -'00.000Z'.length)}`;
    if (minutes.size >= minutesMax) minutes.clear();
    minutes.set(minute, text);
  }
  const rest = Math.floor(ms) - minute * minuteMs;
  const seconds = Math.floor(rest / 1_000);
  const millis = rest - seconds * 1_000;
  return `${text}${seconds < 10 ? '0' : ''}${seconds}.${millis < 10 ? '00' : millis < 100 ? '0' : ''}${millis}Z"`;
}
