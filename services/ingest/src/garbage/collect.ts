import type { ArtifactStore, ListedArtifact } from '@perennial/artifacts';
import type { Log } from '@perennial/bus';
import type { Clock } from '@perennial/kernel';
import { neededBy, type Operations } from './ask-services.js';
import { reachable } from './reach.js';
import { type SweepPlan, sweepPlan } from './sweep-plan.js';

export interface GarbageMeans {
  readonly clock: Clock;
  readonly log: Log;
  readonly artifacts: ArtifactStore;
  readonly operations: () => Operations;
}

export interface Collected extends SweepPlan {
  readonly asked: readonly string[];
}

/**
 * Deletes artifacts that nothing needs and that nobody has put within the grace period.
 *
 * Services are asked twice, before and after the first look: a name that moves from one to another between two questions
 * stands in both for a while, so that one of the rounds meets it. What is put again while we delete is kept by the store.
 *
 * @throws PlatformError NEEDS_UNKNOWN; nothing was deleted then
 */
export async function collectGarbage(
  { clock, log, artifacts, operations }: GarbageMeans,
  { graceMs, isDryRun }: { graceMs: number; isDryRun: boolean },
): Promise<Collected> {
  // Whatever is put from now on is younger, with no grace at all too.
  const notSince = clock.now() - graceMs;
  const services = operations();
  const listed: ListedArtifact[] = [];
  const first = await neededBy(services);
  for await (const artifact of artifacts.list()) listed.push(artifact);
  const present = new Set<string>(listed.map(({ digest }) => digest));
  const needed = await reachable(artifacts, present, first);
  for (const digest of await reachable(artifacts, present, await neededBy(services))) needed.add(digest);
  const plan = sweepPlan(listed, needed, notSince);
  const asked = [...services.keys()];
  if (isDryRun) return { ...plan, asked };
  const deleted: ListedArtifact[] = [];
  for (const artifact of plan.garbage) {
    if (await artifacts.remove(artifact.digest, notSince)) deleted.push(artifact);
  }
  const bytes = deleted.reduce((sum, one) => sum + one.bytes, 0);
  log.info('garbage was collected', { artifacts: deleted.length, bytes, graceMs });
  return { ...plan, garbage: deleted, asked };
}
