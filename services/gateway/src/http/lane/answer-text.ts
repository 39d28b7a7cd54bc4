import { STATUS_CODES } from 'node:http';
import { gatewayLimits } from '../../limits.js';

/** An answer before it has a form: as node:http's `writeHead` and `end` are told it. */
export interface LaneAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

const keepAlive = `Connection: keep-alive\r\nKeep-Alive: timeout=${gatewayLimits.keepAliveMs / 1_000}\r\n\r\n`;
const closing = 'Connection: close\r\n\r\n';

/** The same bytes that node:http sends for it, to be written at once: a text where the body is one, else bytes. */
export function answerText({ status, headers, body }: LaneAnswer, isLast: boolean): string | Buffer {
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n`;
  for (const name in headers) head += `${name}: ${headers[name]}\r\n`;
  const isText = typeof body === 'string';
  const length = isText ? Buffer.byteLength(body) : body.byteLength;
  head += `content-length: ${length}\r\nDate: ${httpDate()}\r\n${isLast ? closing : keepAlive}`;
  if (isText) return head + body;
  const bytes = Buffer.allocUnsafe(head.length + length);
  bytes.write(head, 'latin1');
  bytes.set(body, head.length);
  return bytes;
}

let date = '';
let dateEndsAt = 0;

/** The time as HTTP writes it; a text a second. */
function httpDate(): string {
  const now = Date.now();
  if (now >= dateEndsAt) {
    date = new Date(now).toUTCString();
    dateEndsAt = now - (now % 1_000) + 1_000;
  }
  return date;
}
