import { assert, invalid, type PlatformError } from '@perennial/kernel';
import type { NoteSigner } from '@perennial/tlog';
import { formatCheckpoint, grow, leafHash, rootOf, signNote, subtrees, type TreeEdge } from '@perennial/tlog';
import type { Entry } from './decide/entry.js';
import type { LogHead, SignedCheckpoint, Store } from './store.js';

/**
 * Records the entries that are not yet, in order, and signs the log over them, all in the transaction of `store`.
 * Returns the checkpoint, or undefined where there was nothing new.
 *
 * @param refuse told of an entry whose id was recorded with another content: the first one stands
 */
export async function append(
  store: Store,
  { entries, signer, now }: { entries: readonly Entry[]; signer: NoteSigner; now: Date },
  refuse: (entry: Entry, error: PlatformError) => Promise<void>,
): Promise<SignedCheckpoint | undefined> {
  const head = await store.lockHead();
  assert(head, 'the log has begun');
  const known = await store.recorded(entries.map(({ eventId }) => eventId));
  const fresh: Entry[] = [];
  for (const entry of entries) {
    const content = known.get(entry.eventId);
    if (content === undefined) fresh.push(entry);
    else if (!Buffer.from(content).equals(entry.content)) await refuse(entry, reused(entry));
    known.set(entry.eventId, content ?? entry.content);
  }
  if (fresh.length === 0) return undefined;
  const { edge, nodes } = grow(
    await edgeOf(store, head.size),
    fresh.map(({ content }) => leafHash(content)),
  );
  await store.append(head.size, fresh, nodes);
  const checkpoint = signCheckpoint(head, edge, { signer, now });
  await store.keepCheckpoint(checkpoint);
  return checkpoint;
}

export function signCheckpoint(
  { origin }: Pick<LogHead, 'origin'>,
  edge: TreeEdge,
  { signer, now }: { signer: NoteSigner; now: Date },
): SignedCheckpoint {
  const text = formatCheckpoint({ origin, size: edge.size, root: rootOf(edge) });
  return { size: edge.size, note: signNote(text, signer), signedAt: now };
}

/** The tree's right edge at a size, from the kept nodes. */
export async function edgeOf(store: Store, size: number): Promise<TreeEdge> {
  const hashes = await store.hashes(subtrees(0, size));
  return {
    size,
    hashes: hashes.map((hash) => {
      assert(hash, `the nodes of a tree of ${size} entries are there; verify the log`);
      return hash;
    }),
  };
}

function reused({ eventId }: Entry): PlatformError {
  return invalid(
    'EVENT_ID_REUSED',
    `event ${eventId} was recorded with another content; an id names one event for ever`,
  );
}
