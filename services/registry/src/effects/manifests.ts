import { create } from '@bufbuild/protobuf';
import type { ArtifactStore } from '@perennial/artifacts';
import { type FeatureInput, FeatureInputSchema } from '@perennial/contracts';
import { invalid, isDigest, PlatformError } from '@perennial/kernel';

/** Model manifests by digest: what a model takes as inputs stands only there. */
export interface Manifests {
  /** Canonical JSON text of the manifest. */
  jsonOf(digest: string): Promise<string>;
  /** The model's inputs, in its order. */
  inputsOf(digest: string): Promise<FeatureInput[]>;
}

export function manifestsIn(artifacts: ArtifactStore): Manifests {
  const jsonOf = async (digest: string): Promise<string> => {
    if (!isDigest(digest)) {
      throw invalid('MANIFEST_DIGEST_INVALID', `manifest_digest: "${digest}" is no sha256 digest`, {
        field: 'manifest_digest',
      });
    }
    return new TextDecoder().decode(await artifacts.get(digest));
  };
  return { jsonOf, inputsOf: async (digest) => inputsFrom(await jsonOf(digest), digest) };
}

function inputsFrom(text: string, digest: string): FeatureInput[] {
  const { inputs } = parse(text, digest) as { inputs?: { name?: unknown; datatype?: unknown }[] };
  if (!Array.isArray(inputs) || inputs.length === 0) throw malformed(digest, 'it names no "inputs"');
  return inputs.map(({ name, datatype }, index) => {
    if (typeof name !== 'string' || (datatype !== 'FP64' && datatype !== 'BYTES')) {
      throw malformed(digest, `inputs[${index}] needs a name and a datatype, FP64 or BYTES`);
    }
    return create(FeatureInputSchema, { name, datatype });
  });
}

function parse(text: string, digest: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw malformed(digest, 'it is no JSON');
  }
}

function malformed(digest: string, why: string): PlatformError {
  return new PlatformError(
    'MANIFEST_MALFORMED',
    'us',
    'never',
    `the manifest ${digest} cannot be used: ${why}`,
    {
      field: 'manifest_digest',
    },
  );
}
