import { promisify } from 'node:util';
import { constants, deflate, gzip } from 'node:zlib';

const encoders = { gzip: promisify(gzip), deflate: promisify(deflate) };
type Encoding = keyof typeof encoders;

/** Level 1: numbers as text shrink by half at a third of the time that the default level takes. */
const options = { level: constants.Z_BEST_SPEED };

/** The body as the client prefers it, and how it is encoded; undefined where it asked for nothing that is known. */
export async function compressed(
  body: string | Uint8Array,
  acceptEncoding: string,
): Promise<{ body: Uint8Array; encoding: Encoding } | undefined> {
  const encoding = preferred(acceptEncoding);
  return encoding && { body: await encoders[encoding](body, options), encoding };
}

/** The encoding with the highest weight of `accept-encoding`; gzip of equal ones. */
export function preferred(acceptEncoding: string): Encoding | undefined {
  let best: { encoding: Encoding; weight: number } | undefined;
  for (const part of acceptEncoding.toLowerCase().split(',')) {
    const [name = '', ...parameters] = part.split(';').map((text) => text.trim());
    const encoding = name === '*' ? 'gzip' : name;
    const weight = Number(parameters.find((text) => text.startsWith('q='))?.slice(2) ?? 1);
    if ((encoding !== 'gzip' && encoding !== 'deflate') || !(weight > 0)) continue;
    if (!best || weight > best.weight || (weight === best.weight && encoding === 'gzip'))
      best = { encoding, weight };
  }
  return best?.encoding;
}
