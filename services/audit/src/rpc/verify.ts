import { PlatformError } from '@perennial/kernel';
import { emptyEdge, encodeBase64, noteVerifier, openNote, rootOf } from '@perennial/tlog';
import { checkMemory } from '../effects/signer.js';
import { type SignedCheckpoint, Store, storedCheckpoint } from '../store.js';
import { verifyEnd, verifyPage } from '../verification.js';
import type { RpcContext } from './context.js';

/** Entries held in memory at once. */
const pageEntries = 500;

/**
 * Recomputes the tree from the entries, on one snapshot of the database, and compares it with the kept nodes, with every
 * checkpoint that was signed, and with what the signer remembers. Names the first thing that does not hold.
 */
export async function verify({ db, tenant, signer, keyFile }: RpcContext, signal: AbortSignal) {
  const found = await db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute((tx) => verifyStore(new Store(tx, tenant), signer.verifierKey, signal));
  const memory =
    found.problem === undefined && keyFile !== '' ? await checkMemory(db, tenant, keyFile) : undefined;
  const problem = found.problem ?? memory;
  return {
    verified: problem === undefined,
    entries: BigInt(found.edge.size),
    rootBase64: encodeBase64(rootOf(found.edge)),
    checkpoint: found.last?.note ?? '',
    problems: problem === undefined ? [] : [problem],
  };
}

async function verifyStore(store: Store, verifierKey: string, signal: AbortSignal) {
  const last = await store.lastCheckpoint();
  const head = await store.head();
  let edge = emptyEdge;
  for (;;) {
    signal.throwIfAborted();
    const page = await store.page(edge.size, pageEntries);
    const checked = verifyPage(edge, page);
    edge = checked.edge;
    if (checked.problem !== undefined) return { edge, last, problem: checked.problem };
    if (page.entries.length < pageEntries) break;
  }
  const end = {
    headSize: head?.size ?? 0,
    last: last && storedCheckpoint(last),
    nodesBeyond: await store.nodesFrom(edge.size),
  };
  const problem = verifyEnd(edge, end) ?? (last && signatureProblem(last, verifierKey));
  return { edge, last, problem };
}

/** Signed by our own key as we hold it, whatever the database says about keys. */
function signatureProblem({ note, size }: SignedCheckpoint, verifierKey: string): string | undefined {
  try {
    openNote(note, [noteVerifier(verifierKey)]);
    return undefined;
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    return `the checkpoint over ${size} entries was not signed by ${verifierKey}: ${error.message}`;
  }
}
