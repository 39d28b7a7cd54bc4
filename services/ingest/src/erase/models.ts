import type { ArtifactStore } from '@perennial/artifacts';
import { namedBy } from '../garbage/reach.js';
import type { EraseMeans } from './means.js';
import type { ReplacedFile } from './store.js';

export interface ModelToRetrain {
  readonly model: string;
  readonly version: number;
  readonly manifestDigest: string;
}

/**
 * Model versions that learned from rows of the key: those whose manifest names, itself or through the manifest of its
 * training set, a file of training rows that held some.
 */
export async function modelsToRetrain(
  { artifacts, registry }: EraseMeans,
  files: readonly ReplacedFile[],
): Promise<ModelToRetrain[]> {
  const held = new Set(
    files.filter(({ what }) => what !== 'segment' && what !== 'quarantine').map(({ digest }) => digest),
  );
  if (held.size === 0) return [];
  const { systems } = await registry().listSystems({});
  const models = [];
  for (const { system } of systems) models.push(...(await registry().listModels({ system })).models);
  const manifests = new Set(models.map(({ manifestDigest }) => manifestDigest));
  const affected: ModelToRetrain[] = [];
  for (const { system, version, manifestDigest } of models) {
    if (await reaches(artifacts, manifestDigest, { held, manifests }))
      affected.push({ model: system, version, manifestDigest });
  }
  return affected;
}

/** Other models' manifests are not followed: a model that was compared with another did not learn from its rows. */
async function reaches(
  artifacts: ArtifactStore,
  from: string,
  { held, manifests }: { held: ReadonlySet<string>; manifests: ReadonlySet<string> },
): Promise<boolean> {
  const seen = new Set([from]);
  const queue = [from];
  for (let digest = queue.pop(); digest !== undefined; digest = queue.pop()) {
    if (held.has(digest)) return true;
    for (const name of await namedBy(artifacts, seen, digest)) {
      if (held.has(name)) return true;
      if (seen.has(name) || manifests.has(name)) continue;
      seen.add(name);
      queue.push(name);
    }
  }
  return false;
}
