import { invalid } from '@perennial/kernel';
import { z } from '@perennial/service';

/** What this service reads of a model's manifest; the trainer writes it. */
const schema = z.object({
  kind: z.literal('perennial/model-manifest/v1'),
  model: z.object({ digest: z.string() }),
  inputs: z.array(z.object({ name: z.string(), datatype: z.enum(['FP64', 'BYTES']) })).min(1),
  output: z.object({ name: z.string() }),
  golden: z.array(
    z.object({
      inputs: z.record(z.string(), z.union([z.number(), z.string(), z.null()])),
      output: z.number(),
    }),
  ),
});

export type ModelManifest = z.infer<typeof schema>;
export type GoldenRequest = ModelManifest['golden'][number];

/** @throws PlatformError MANIFEST_INVALID, naming what is wrong with it */
export function parseManifest(text: string): ModelManifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw malformed('it is no JSON');
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw malformed(`${issue?.path.join('.') || 'it'}: ${issue?.message ?? 'wrong'}`);
}

function malformed(why: string) {
  return invalid('MANIFEST_INVALID', `manifest_digest: the model manifest cannot be used: ${why}`, {
    field: 'manifest_digest',
  });
}
