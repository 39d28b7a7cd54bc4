import { invalid } from '@perennial/kernel';
import { jsonDepthMax } from '@perennial/runtime';
import { gatewayLimits } from '../limits.js';

/** A text of this size holds no more than some hundred levels, and is parsed whatever it is. */
const uncheckedCharactersMax = 1_024;

/**
 * JSON.parse() for texts from outside.
 *
 * @throws SyntaxError; PlatformError as checkStructure()
 */
export function parseBounded(text: string): unknown {
  if (text.length > uncheckedCharactersMax) checkStructure(Buffer.from(text));
  return JSON.parse(text);
}

const [quote, backslash, openList, closeList, openObject, closeObject] = Buffer.from('"\\[]{}');

/**
 * Refuses a JSON text that would cost more than any request is worth: longer, deeper or of more lists than tensors
 * need. What it costs to parse is known only by looking through it first.
 *
 * @throws PlatformError BODY_TOO_LARGE, INFER_BODY_INVALID
 */
export function checkStructure(text: Uint8Array): void {
  const { jsonBytesMax, jsonContainersMax } = gatewayLimits;
  if (text.byteLength > jsonBytesMax) throw tooLarge(`${text.byteLength} bytes`, `${jsonBytesMax} bytes`);
  let depth = 0;
  let containers = 0;
  for (let at = 0; at < text.length; at++) {
    const byte = text[at];
    if (byte === quote) at = endOfString(text, at + 1);
    else if (byte === openList || byte === openObject) {
      depth += 1;
      containers += 1;
      if (depth > jsonDepthMax) throw tooDeep();
      if (containers > jsonContainersMax)
        throw tooLarge(`more than ${jsonContainersMax} lists`, `${jsonContainersMax}`);
    } else if (byte === closeList || byte === closeObject) depth -= 1;
  }
}

function endOfString(text: Uint8Array, from: number): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === backslash) at += 1;
    else if (text[at] === quote) return at;
  }
  return text.length;
}

function tooDeep() {
  return invalid('INFER_BODY_INVALID', `JSON nesting depth exceeds maximum allowed limit (${jsonDepthMax})`, {
    field: 'body',
  });
}

function tooLarge(what: string, max: string) {
  return invalid(
    'BODY_TOO_LARGE',
    `the JSON of the request has ${what}, at most ${max} are taken; send flat data, or tensors as binary data`,
    { field: 'body' },
  );
}
