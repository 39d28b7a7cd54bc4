import { access, mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Digest } from '@perennial/kernel';

/** Which files were tried on this machine and did no harm. */
export interface Proofs {
  has(digest: Digest): Promise<boolean>;
  add(digest: Digest): Promise<void>;
}

/** For as long as the process lives. */
export class MemoryProofs implements Proofs {
  readonly #proven = new Set<Digest>();

  async has(digest: Digest): Promise<boolean> {
    return this.#proven.has(digest);
  }

  async add(digest: Digest): Promise<void> {
    this.#proven.add(digest);
  }
}

/**
 * Empty files by digest, in a folder that processes of one machine share. `engine` names what a proof is worth only
 * for: another version of the runtime may crash where this one does not.
 */
export class FolderProofs implements Proofs {
  readonly #dir: string;
  readonly #known = new MemoryProofs();

  constructor(dir: string, engine = engineVersion()) {
    this.#dir = path.join(dir, 'proofs', engine);
  }

  async has(digest: Digest): Promise<boolean> {
    if (await this.#known.has(digest)) return true;
    const isThere = await access(this.#fileOf(digest)).then(
      () => true,
      () => false,
    );
    if (isThere) await this.#known.add(digest);
    return isThere;
  }

  /** A disk that is full costs another proof next time, and no more. */
  async add(digest: Digest): Promise<void> {
    await this.#known.add(digest);
    await mkdir(this.#dir, { recursive: true }).catch(() => undefined);
    await writeFile(this.#fileOf(digest), '').catch(() => undefined);
  }

  #fileOf(digest: Digest): string {
    return path.join(this.#dir, digest.slice('sha256:'.length));
  }
}

/** Read, not loaded: the engine takes tens of MiB. */
function engineVersion(): string {
  const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string };
  return version;
}
