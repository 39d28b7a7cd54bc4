import { readdir, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { type Digest, PlatformError, systemClock } from '@perennial/kernel';
import { type Content, FolderStore } from './folder.js';
import type { StoredArtifact } from './store.js';

/** Room for the training files of many systems on one machine's disk. */
const cacheBytesMax = 20 * 2 ** 30;
/** A path that was handed out stays valid for this long, whatever the cache holds. */
const keptForMs = 3_600_000;

/** Verified copies on the local disk; the least recently used go when they take too much room. */
export class ArtifactCache {
  private readonly files: FolderStore;
  /** Undefined until counted. Several processes may share the folder, so it is counted anew at every sweep. */
  private bytes: number | undefined;

  constructor(
    dir: string,
    private readonly bytesMax = cacheBytesMax,
    private readonly keptMs = keptForMs,
  ) {
    this.files = new FolderStore(dir);
  }

  async open(): Promise<this> {
    await this.files.open();
    return this;
  }

  /** The content, or undefined where it is absent or damaged (it is fetched again then). */
  get(digest: Digest): Promise<Uint8Array | undefined> {
    return absentOrDamaged(this.files.get(digest));
  }

  /** The verified file, or undefined where it is absent or damaged. */
  async find(digest: Digest): Promise<string | undefined> {
    const file = await absentOrDamaged(this.files.localFile(digest));
    if (file !== undefined) await touch(file);
    return file;
  }

  localFile(digest: Digest): Promise<string> {
    return this.files.localFile(digest);
  }

  async putFile(file: string): Promise<StoredArtifact> {
    return this.grown(await this.files.putFile(file));
  }

  /** @throws PlatformError ARTIFACT_CORRUPT where the content has another digest */
  async fill(digest: Digest, content: Content): Promise<void> {
    await this.grown(await this.files.write(digest, content));
  }

  /** The copy, if any, is gone. Other machines' copies go when they are the least recently used. */
  async forget(digest: Digest): Promise<void> {
    await rm(this.files.fileOf(digest), { force: true });
  }

  private async grown(stored: StoredArtifact): Promise<StoredArtifact> {
    this.bytes = (this.bytes ?? (await this.sweep())) + stored.bytes;
    if (this.bytes > this.bytesMax) this.bytes = await this.sweep();
    return stored;
  }

  /** Removes the longest unused files beyond the limit; returns the bytes that are left. */
  private async sweep(): Promise<number> {
    const root = path.join(this.files.dir, 'sha256');
    const names = await readdir(root, { recursive: true }).catch(() => []);
    const found = await Promise.all(
      names.map(async (name) => ({ file: path.join(root, name), state: await state(path.join(root, name)) })),
    );
    const files = found.flatMap(({ file, state }) => (state?.isFile() ? [{ file, state }] : []));
    files.sort((a, b) => a.state.mtimeMs - b.state.mtimeMs);
    let bytes = files.reduce((sum, { state }) => sum + state.size, 0);
    const before = systemClock.now() - this.keptMs;
    for (const { file, state } of files) {
      if (bytes <= this.bytesMax || state.mtimeMs > before) break;
      await rm(file, { force: true });
      bytes -= state.size;
    }
    return bytes;
  }
}

function state(file: string) {
  return stat(file).catch(() => undefined);
}

/** The time of change stands for the time of use; the content never changes. */
async function touch(file: string): Promise<void> {
  const now = new Date(systemClock.now());
  await utimes(file, now, now).catch(() => undefined);
}

async function absentOrDamaged<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof PlatformError && /^ARTIFACT_(NOT_FOUND|CORRUPT)$/.test(error.code)) return undefined;
    throw error;
  }
}
