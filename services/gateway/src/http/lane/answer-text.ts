import { STATUS_CODES } from 'node:http';
import { systemClock } from '@perennial/kernel';
import { gatewayLimits } from '../../limits.js';

/** An answer before it has a form: as node:http's `writeHead` and `end` are told it. */
export interface LaneAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

const keepAlive = `Connection: keep-alive\r\nKeep-Alive: timeout=${gatewayLimits.keepAliveMs / 1_000}\r\n\r\n`;
const closing = 'Connection: close\r\n\r\n';

/** The same bytes that node:http sends for it, to be written at once: a text of ASCII alone, or bytes. */
export function answerText({ status, headers, body }: LaneAnswer, isLast: boolean): string | Buffer {
  const isText = typeof body === 'string';
  const length = isText ? Buffer.byteLength(body) : body.byteLength;
  const head = `${beginOf(status, headers)}${length}\r\nDate: ${httpDate()}\r\n${isLast ? closing : keepAlive}`;
  // Nothing but ASCII takes as many bytes as it has characters.
  if (isText && body.length === length) return head + body;
  const bytes = Buffer.allocUnsafe(head.length + length);
  bytes.write(head, 'latin1');
  if (isText) bytes.write(body, head.length);
  else bytes.set(body, head.length);
  return bytes;
}

/** The last one: most answers are well, and say the same of themselves. */
let last:
  | { readonly status: number; readonly headers: LaneAnswer['headers']; readonly text: string }
  | undefined;

/** Up to the value of content-length. */
function beginOf(status: number, headers: LaneAnswer['headers']): string {
  if (last?.headers === headers && last.status === status) return last.text;
  let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n`;
  for (const name in headers) text += `${name}: ${headers[name]}\r\n`;
  last = { status, headers, text: `${text}content-length: ` };
  return last.text;
}

let date = '';
let dateEndsAt = 0;

/** The time as HTTP writes it; a text a second. */
function httpDate(): string {
  const now = systemClock.now();
  if (now >= dateEndsAt || now < dateEndsAt - 1_000) {
    date = new Date(now).toUTCString();
    dateEndsAt = now - (now % 1_000) + 1_000;
  }
  return date;
}
