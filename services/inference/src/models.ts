import { type Digest, invalid, isDigest } from '@perennial/kernel';
import { type LoadedModel, type LoadOptions, Runtime, type RuntimeOptions } from '@perennial/runtime';

export interface ModelName {
  readonly model: string;
  readonly version: number;
}

/** The runtime, what its models are called, and how many loads are in hand. */
export class Models {
  readonly runtime: Runtime;
  readonly #names = new Map<Digest, ModelName>();
  #loading = 0;

  constructor(options: RuntimeOptions) {
    this.runtime = new Runtime(options);
  }

  /** Loads that are not done yet. */
  get loading(): number {
    return this.#loading;
  }

  /** @throws PlatformError MODEL_DIGEST_INVALID, MODEL_* of the runtime, ARTIFACT_* of the store */
  async load(
    digest: string,
    options: LoadOptions & { readonly name: string; readonly version: number },
  ): Promise<LoadedModel> {
    const checked = digestIn('digest', digest);
    this.#loading += 1;
    try {
      const loaded = await this.runtime.load(checked, options);
      this.#names.set(checked, { model: options.name, version: options.version });
      return loaded;
    } finally {
      this.#loading -= 1;
    }
  }

  /** What the model with this digest is called; models of equal bytes share the last name. */
  nameOf(digest: string): ModelName {
    return this.#names.get(digest as Digest) ?? { model: '', version: 0 };
  }
}

/** @throws PlatformError MODEL_DIGEST_INVALID */
export function digestIn(field: string, text: string): Digest {
  if (isDigest(text)) return text;
  throw invalid('MODEL_DIGEST_INVALID', `${field}: "${text}" is no digest; write sha256: and 64 hex digits`, {
    field,
  });
}
