import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { invalid, limits } from '@perennial/kernel';

const pieceBytes = 1 << 18;
const lineFeed = 0x0a;
const mark = '\ufeff';

/** A line of a file, without its end. */
export interface Line {
  /** From 1. */
  readonly line: number;
  /** Undefined where its bytes are no UTF-8. */
  readonly text: string | undefined;
}

/** Lines of a file, as many at once as a piece of it holds. @throws PlatformError ROW_TOO_LARGE */
export async function* linesOf(path: string): AsyncGenerator<readonly Line[]> {
  let line = 0;
  let rest: Buffer[] = [];
  let restBytes = 0;
  const number = (texts: readonly (string | undefined)[]) => texts.map((text) => ({ line: ++line, text }));
  for await (const piece of piecesOf(path)) {
    const end = piece.lastIndexOf(lineFeed);
    if (end === -1) {
      rest.push(piece);
      restBytes += piece.byteLength;
    } else {
      const whole = Buffer.concat([...rest, piece.subarray(0, end)]);
      rest = [piece.subarray(end + 1)];
      restBytes = piece.byteLength - end - 1;
      yield number(textsOf(whole, line === 0));
    }
    if (restBytes > limits.httpBodyBytesMax)
      throw invalid('ROW_TOO_LARGE', `line ${line + 1} does not end; one line is one row`);
  }
  if (restBytes > 0) yield number(textsOf(Buffer.concat(rest), line === 0));
}

function textsOf(bytes: Buffer, isFirst: boolean): (string | undefined)[] {
  const text = (part: Buffer) => (isUtf8(part) ? part.toString('utf8') : undefined);
  const whole = text(bytes);
  if (whole !== undefined) return (isFirst && whole.startsWith(mark) ? whole.slice(1) : whole).split('\n');
  const texts: (string | undefined)[] = [];
  for (let at = 0; at <= bytes.byteLength; ) {
    const end = bytes.indexOf(lineFeed, at);
    const next = end === -1 ? bytes.byteLength : end;
    texts.push(text(bytes.subarray(at, next)));
    at = next + 1;
  }
  return texts;
}

/** The text of a file in pieces, without a byte order mark. @throws PlatformError BODY_MALFORMED where it is no UTF-8 */
export async function* textPiecesOf(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const decoded = (piece?: Uint8Array) => {
    try {
      return piece ? decoder.decode(piece, { stream: true }) : decoder.decode();
    } catch (cause) {
      throw invalid('BODY_MALFORMED', 'the body is no text in UTF-8; save it in that encoding', { cause });
    }
  };
  for await (const piece of piecesOf(path)) yield decoded(piece);
  yield decoded();
}

function piecesOf(path: string): AsyncIterable<Buffer> {
  return createReadStream(path, { highWaterMark: pieceBytes }) as AsyncIterable<Buffer>;
}
