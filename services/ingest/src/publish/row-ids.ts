/** Digits of an ordinal, so that ids sort as the rows came: a file has under a billion rows. */
export const rowIdDigits = 9;
/** Hex digits of a file's digest in the ids of its rows: 128 bits tell any files apart. */
const digestDigits = 32;

/** What the ids of a file's rows begin with; the ordinal follows. */
export function fileRowPrefix(sha256: string): string {
  return `${sha256.slice(0, digestDigits)}-`;
}

/** The id of the row at `ordinal` (from 0) of a file: never the content, since equal rows are real. */
export function fileRowId(sha256: string, ordinal: number): string {
  return `${fileRowPrefix(sha256)}${String(ordinal).padStart(rowIdDigits, '0')}`;
}
