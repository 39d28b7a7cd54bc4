import { createHash, randomFillSync } from 'node:crypto';
import { type Clock, systemClock } from './clock.js';

let lastMs = 0;
/** The time in an id, up to the version: an id is made for every request, many in one millisecond. */
let timeText = '';
let sequence = 0;

/**
 * A UUIDv7 (RFC 9562, section 5.7): sorts by time. Within one process and millisecond a 12-bit counter in rand_a
 * keeps the order (method 1 of section 6.2); a full counter borrows from the next millisecond.
 */
export function uuidv7(clock: Clock = systemClock): string {
  const nowMs = clock.now();
  if (nowMs > lastMs) tick(nowMs);
  else if (++sequence > 0xfff) tick(lastMs + 1);
  const order = (0x1000 | sequence).toString(16);
  return `${timeText}${order.slice(1)}-${drawn()}`;
}

function tick(ms: number): void {
  lastMs = ms;
  sequence = 0;
  const time = ms.toString(16).padStart(12, '0');
  timeText = `${time.slice(0, 8)}-${time.slice(8)}-7`;
}

/** The operating system is asked for 256 of them at once. */
const pool = Buffer.alloc(2_048);
let poolText = '';
let used = 0;

/** 62 random bits as they stand behind the variant, and the variant itself: two bits of the first digit. */
function drawn(): string {
  if (used === poolText.length) {
    randomFillSync(pool);
    poolText = pool.toString('hex');
    used = 0;
  }
  const from = used;
  used += 16;
  const variant = '89ab'[Number.parseInt(poolText[from] as string, 16) & 3];
  return `${variant}${poolText.slice(from + 1, from + 4)}-${poolText.slice(from + 4, from + 16)}`;
}

/** The millisecond a UUIDv7 was made in. */
export function uuidv7Millis(id: string): number {
  return Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);
}

/** One namespace for every id we derive (a random UUID, fixed for ever: changing it changes every derived id). */
const namespace = Buffer.from('6f1d2c0e8b7a4d35a1f09e64c2b85d17', 'hex');

/** A UUIDv5 (RFC 9562, section 5.5) of the parts: the same parts always give the same id. */
export function uuidv5(...parts: string[]): string {
  const hash = createHash('sha1')
    .update(namespace)
    .update(parts.map((part) => `${part.length}:${part}`).join(','));
  const bytes = hash.digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return hyphenate(bytes);
}

function hyphenate(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
