import type { ArtifactStore } from '@perennial/artifacts';
import { invalid, isDigest, PlatformError } from '@perennial/kernel';
import type { Entry, JsonObject } from '../decide/entry.js';

/**
 * The entry with its body, fetched where that was too large for the bus and is recorded by its digest. Where it cannot
 * be had any more, the body stays empty: the entry proves that it was, and what it was called.
 */
export async function withBody(artifacts: ArtifactStore, entry: Entry): Promise<Entry> {
  if (entry.dataref === undefined) return entry;
  try {
    return { ...entry, body: await readJson(artifacts, entry.dataref) };
  } catch (error) {
    if (error instanceof PlatformError && error.code.startsWith('ARTIFACT')) return entry;
    throw error;
  }
}

/**
 * An artifact that is a JSON object.
 *
 * @throws PlatformError ARTIFACT_NOT_FOUND, ARTIFACT_CORRUPT, ARTIFACT_NO_JSON
 */
export async function readJson(artifacts: ArtifactStore, digest: string): Promise<JsonObject> {
  if (!isDigest(digest)) throw noJson(digest);
  const text = new TextDecoder().decode(await artifacts.get(digest));
  try {
    return JSON.parse(text) as JsonObject;
  } catch {
    throw noJson(digest);
  }
}

function noJson(digest: string) {
  return invalid('ARTIFACT_NO_JSON', `artifact "${digest}" is no JSON object`);
}
