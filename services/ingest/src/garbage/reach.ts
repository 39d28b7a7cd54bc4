import type { ArtifactStore } from '@perennial/artifacts';
import { type Digest, isDigest, PlatformError } from '@perennial/kernel';

/** Artifacts read at once. */
const readsMax = 8;
/** Longer than a digest by far: what stands across two pieces of a file is found in the second. */
const overlap = 128;
const digestPattern = /sha256:[0-9a-f]{64}/g;

export interface Roots {
  /** Needed with everything that they name. */
  readonly digests: ReadonlySet<string>;
  /** Needed, but not what they name. */
  readonly alone: ReadonlySet<string>;
}

/**
 * Everything that is needed: the roots, what the JSON among them names, what that names in its turn, and what came in
 * place of erased ones. A name counts wherever it stands, in a field that nobody here knows too.
 */
export async function reachable(
  artifacts: ArtifactStore,
  present: ReadonlySet<string>,
  roots: Roots,
): Promise<Set<string>> {
  const needed = new Set<string>();
  const queue: string[] = [];
  const need = (digest: string) => {
    if (needed.has(digest)) return;
    needed.add(digest);
    queue.push(digest);
  };
  for (const digest of roots.digests) need(digest);
  const alone = [...roots.alone].filter((digest) => !needed.has(digest));
  const work = async () => {
    for (let digest = queue.pop(); digest !== undefined; digest = queue.pop()) {
      for (const name of await namedBy(artifacts, present, digest)) need(name);
    }
  };
  // A worker that finds the queue empty ends; what others still add to it, they work off themselves.
  await Promise.all(Array.from({ length: readsMax }, work));
  for (const digest of alone) {
    needed.add(digest);
    if (present.has(digest) || !isDigest(digest)) continue;
    const by = await artifacts.erasedBy(digest);
    if (by) needed.add(by);
  }
  return needed;
}

/** What an artifact names, or what came in its place. `present`: known to be there. */
export async function namedBy(
  artifacts: ArtifactStore,
  present: ReadonlySet<string>,
  digest: string,
): Promise<Iterable<string>> {
  if (!isDigest(digest)) return [];
  if (!present.has(digest)) {
    const by = await artifacts.erasedBy(digest);
    if (by === '') return [];
    if (by !== undefined) return [by];
  }
  try {
    return await namesIn(await artifacts.read(digest as Digest));
  } catch (error) {
    // Needed, and not there: no fault of the collector, and nothing more can be found in it.
    if (error instanceof PlatformError && error.code === 'ARTIFACT_NOT_FOUND') return [];
    throw error;
  }
}

/** Digests in a file that begins as JSON does; other files name nothing. */
async function namesIn(content: AsyncIterable<Uint8Array>): Promise<Set<string>> {
  const names = new Set<string>();
  let isFirst = true;
  let rest = '';
  for await (const piece of content) {
    const text = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength).toString('latin1');
    if (isFirst && !/^\s*[[{]/.test(text)) return names;
    isFirst = false;
    const joined = rest + text;
    for (const [digest] of joined.matchAll(digestPattern)) names.add(digest);
    rest = joined.slice(-overlap);
  }
  return names;
}
