import { createHash, randomFillSync } from 'node:crypto';
import { type Clock, systemClock } from './clock.js';

let lastMs = 0;
let sequence = 0;

/**
 * A UUIDv7 (RFC 9562, section 5.7): sorts by time. Within one process and millisecond a 12-bit counter in rand_a
 * keeps the order (method 1 of section 6.2); a full counter borrows from the next millisecond.
 */
export function uuidv7(clock: Clock = systemClock): string {
  const nowMs = clock.now();
  if (nowMs > lastMs) {
    lastMs = nowMs;
    sequence = 0;
  } else if (++sequence > 0xfff) {
    lastMs += 1;
    sequence = 0;
  }
  const time = lastMs.toString(16).padStart(12, '0');
  const order = (0x7000 | sequence).toString(16);
  const drawn = randomHex();
  // Two bits of the first digit say the variant.
  const variant = '89ab'[Number.parseInt(drawn[0] as string, 16) & 3];
  return `${time.slice(0, 8)}-${time.slice(8)}-${order}-${variant}${drawn.slice(1, 4)}-${drawn.slice(4)}`;
}

/** An id is made for every request: the operating system is asked for 256 of them at once. */
const pool = Buffer.alloc(2_048);
let used = pool.length;

function randomHex(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += 8;
  return pool.toString('hex', used - 8, used);
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
