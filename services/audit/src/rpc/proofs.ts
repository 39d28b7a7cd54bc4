import { assert, notFound } from '@perennial/kernel';
import { fillProof, formatProof, planInclusion } from '@perennial/tlog';
import type { RpcContext } from './context.js';

export async function getCheckpoint({ store, signer }: RpcContext) {
  const last = await store.lastCheckpoint();
  return { checkpoint: last?.note ?? '', verifierKey: signer.verifierKey };
}

/** A C2SP tlog-proof and the exact bytes that it proves: all that an outsider needs beside the log's verifier key. */
export async function getProof({ store, listings }: RpcContext, { eventId }: { eventId: string }) {
  const event = await listings.event(eventId);
  if (!event) {
    throw notFound(
      'EVENT_NOT_FOUND',
      `event_id: no event "${eventId}" is recorded; events list shows those that are`,
      {
        field: 'event_id',
      },
    );
  }
  const last = await store.lastCheckpoint();
  assert(last && last.size > event.index, 'a checkpoint is signed with the entries it covers');
  const plan = planInclusion(event.index, last.size);
  const nodes = plan.flat();
  const hashes = await store.hashes(nodes);
  const hashOf = new Map(nodes.map((node, at) => [node, hashes[at]]));
  const proof = fillProof(plan, (node) => {
    const hash = hashOf.get(node);
    assert(hash, 'the nodes of the tree are there; verify the log');
    return hash;
  });
  return {
    proof: formatProof({ index: event.index, proof, checkpoint: last.note }),
    entryJson: new TextDecoder().decode(event.entry.content),
  };
}
