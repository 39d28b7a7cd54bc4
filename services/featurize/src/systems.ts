import { notFound } from '@perennial/kernel';
import { type System, systemFromJson } from '@perennial/spec';
import type { Store } from './store.js';

export interface View {
  readonly system: System;
  readonly version: number;
  readonly specDigest: string;
}

/** Versions of systems that are kept parsed: reading one takes longer than answering a prediction. */
const viewsKept = 1_000;

/** Parsed systems by digest. */
export class Systems {
  readonly #parsed = new Map<string, System>();

  /** @throws PlatformError SYSTEM_NOT_FOUND */
  async newest(store: Store, name: string): Promise<View> {
    return this.#whole(store, name, await store.newestView(name));
  }

  /**
   * With the event time of the newest data of its source.
   *
   * @throws PlatformError SYSTEM_NOT_FOUND
   */
  async newestWithData(
    store: Store,
    name: string,
  ): Promise<View & { readonly newestUs: number | undefined }> {
    const newest = await store.newestOf(name);
    return { ...(await this.#whole(store, name, newest)), newestUs: newest?.newestUs };
  }

  async #whole(
    store: Store,
    name: string,
    newest: { version: number; specDigest: string } | undefined,
  ): Promise<View> {
    const known = newest && this.#parsed.get(newest.specDigest);
    if (known) return { version: newest.version, specDigest: newest.specDigest, system: known };
    const view = newest && (await this.version(store, name, newest.version));
    if (view) return view;
    throw notFound('SYSTEM_NOT_FOUND', `system: there is no "${name}"; apply its system.yaml first`, {
      field: 'system',
    });
  }

  /** Undefined where the version has not been told of yet. */
  async version(store: Store, name: string, version?: number): Promise<View | undefined> {
    const view = await store.view(name, version);
    return (
      view && {
        system: this.parse(view.specJson, view.specDigest),
        version: view.version,
        specDigest: view.specDigest,
      }
    );
  }

  parse(specJson: string, specDigest: string): System {
    const known = this.#parsed.get(specDigest);
    if (known) return known;
    const system = systemFromJson(specJson);
    if (this.#parsed.size >= viewsKept) this.#parsed.clear();
    this.#parsed.set(specDigest, system);
    return system;
  }
}
