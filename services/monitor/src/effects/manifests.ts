import type { ArtifactStore } from '@perennial/artifacts';
import { type Digest, PlatformError } from '@perennial/kernel';
import { z } from '@perennial/service';

const missing = z.number().min(0).max(1).default(0);
const profile = z.object({
  rows: z.number().nonnegative(),
  features: z.record(
    z.string(),
    z.discriminatedUnion('kind', [
      z.object({
        kind: z.literal('number'),
        // Empty where the training rows had no value at all.
        quantiles: z.array(z.number()),
        mean: z.number().nullable().default(0),
        sd: z.number().nullable().default(0),
        missing,
      }),
      z.object({ kind: z.literal('text'), counts: z.record(z.string(), z.number()), missing }),
    ]),
  ),
  holdoutErrors: z.object({ metric: z.string(), value: z.number() }).optional(),
});

/** What a model's manifest says about the rows it was trained and judged on. */
export type Profile = z.infer<typeof profile>;

/**
 * Reads the profile from the manifest artifact; outside any transaction.
 *
 * @throws PlatformError ARTIFACT_NOT_FOUND (it may still be on its way), MANIFEST_MALFORMED
 */
export async function profileOf(artifacts: ArtifactStore, digest: string): Promise<Profile> {
  const text = new TextDecoder().decode(await artifacts.get(digest as Digest));
  try {
    return profile.parse((JSON.parse(text) as { reference?: unknown }).reference);
  } catch (cause) {
    throw new PlatformError(
      'MANIFEST_MALFORMED',
      'us',
      'never',
      `model manifest ${digest}: reference is not a profile of features; the trainer must write rows and features`,
      { field: 'reference', internal: String(cause), cause },
    );
  }
}
