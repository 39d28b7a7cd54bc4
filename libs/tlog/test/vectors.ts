import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const file = fileURLToPath(new URL('../../../../shared/vectors/tlog.json', import.meta.url));

/** Published vectors of other implementations. They stand beside the checkout, not in it, and may be absent. */
// biome-ignore lint/suspicious/noExplicitAny: the file's shape is others'
export const vectors: any = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
export const absent = vectors === undefined;
/** Stands in the name of a group of tests, so that a skipped one says why. */
export const source = absent ? '(skipped: ../shared/vectors/tlog.json is absent)' : '(published vectors)';

export const fromHex = (text: string): Uint8Array => Buffer.from(text, 'hex');
export const fromBase64 = (text: string): Uint8Array => Buffer.from(text, 'base64');
export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
export const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
