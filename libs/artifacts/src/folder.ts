import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, opendir, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { type Digest, digestOf, systemClock, unavailable } from '@perennial/kernel';
import {
  type ArtifactStore,
  corrupt,
  digestOfKey,
  erasedKeyOf,
  keyOf,
  type ListedArtifact,
  missing,
  type StoredArtifact,
  successorIn,
} from './store.js';

/** A temporary file older than this was left by a process that was killed. */
const abandonedAfterMs = 24 * 3_600_000;

type Pieces = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
/** Opened only when it is read at once: a stream that fails before anybody listens would end the process. */
export type Content = () => Pieces | Promise<Pieces>;

/**
 * The store in a folder that several processes share. A file appears under its digest only when whole: it is written
 * under a temporary name, flushed and renamed. Two that put the same content at once rename equal files over each
 * other, which is harmless.
 */
export class FolderStore implements ArtifactStore {
  constructor(readonly dir: string) {}

  async open(): Promise<this> {
    await mkdir(this.tmpDir, { recursive: true });
    for (const name of await readdir(this.tmpDir)) {
      const file = path.join(this.tmpDir, name);
      const state = await stat(file).catch(() => undefined);
      if (state && systemClock.now() - state.mtimeMs > abandonedAfterMs) await rm(file, { force: true });
    }
    return this;
  }

  async put(content: Uint8Array): Promise<StoredArtifact> {
    const digest = digestOf(content);
    const stored = { digest, bytes: content.byteLength };
    if ((await this.erasedBy(digest)) !== undefined) return stored;
    if (!((await this.holds(digest)) && (await this.touch(digest))))
      await this.write(digest, () => [content]);
    return stored;
  }

  putFile(file: string): Promise<StoredArtifact> {
    return this.write(undefined, () => createReadStream(file));
  }

  async get(digest: Digest): Promise<Uint8Array> {
    const file = this.fileOf(digest);
    const content = await readFile(file).catch((error: unknown) => {
      if (isAbsent(error)) return undefined;
      throw error;
    });
    if (content === undefined) return this.get(await this.successorOf(digest));
    if (digestOf(content) !== digest) throw corrupt(digest, file);
    return content;
  }

  async has(digest: Digest): Promise<boolean> {
    if ((await stat(this.fileOf(digest)).catch(() => undefined)) !== undefined) return true;
    const by = await this.erasedBy(digest);
    return by !== undefined && by !== '' && this.has(by);
  }

  async read(digest: Digest): Promise<AsyncIterable<Uint8Array>> {
    const handle = await open(this.fileOf(digest)).catch((error: unknown) => {
      if (isAbsent(error)) return undefined;
      throw error;
    });
    if (handle === undefined) return this.read(await this.successorOf(digest));
    return handle.createReadStream({ highWaterMark: 1 << 16 });
  }

  async *list(): AsyncGenerator<ListedArtifact> {
    const root = path.join(this.dir, 'sha256');
    for (const prefix of await readdir(root).catch(() => [])) {
      for await (const { name } of await opendir(path.join(root, prefix))) {
        const digest = digestOfKey(`sha256/${prefix}/${name}`);
        const state = digest && (await stat(path.join(root, prefix, name)).catch(() => undefined));
        if (digest && state) yield { digest, bytes: state.size, modifiedAt: state.mtimeMs };
      }
    }
  }

  /** Out of the way first, then a last look: whoever put it meanwhile has touched it, or found it absent. */
  async remove(digest: Digest, notSince: number): Promise<boolean> {
    const file = this.fileOf(digest);
    const state = await stat(file).catch(() => undefined);
    if (state === undefined) return true;
    if (state.mtimeMs >= notSince) return false;
    const aside = path.join(this.tmpDir, randomUUID());
    await rename(file, aside).catch((error: unknown) => {
      if (!isAbsent(error)) throw error;
    });
    const after = await stat(aside).catch(() => undefined);
    if (after && after.mtimeMs >= notSince) {
      await rename(aside, file);
      return false;
    }
    await rm(aside, { force: true });
    return true;
  }

  async erase(digest: Digest, by: Digest | undefined): Promise<void> {
    const note = path.join(this.dir, erasedKeyOf(digest));
    await mkdir(path.dirname(note), { recursive: true });
    const tmp = path.join(this.tmpDir, randomUUID());
    await writeFlushed(tmp, () => [Buffer.from(by ?? '')]);
    await rename(tmp, note);
    await flushDir(path.dirname(note));
    await rm(this.fileOf(digest), { force: true });
  }

  async erasedBy(digest: Digest): Promise<Digest | '' | undefined> {
    try {
      return successorIn(await readFile(path.join(this.dir, erasedKeyOf(digest)), 'utf8'));
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  }

  private async successorOf(digest: Digest): Promise<Digest> {
    const by = await this.erasedBy(digest);
    if (by === undefined || by === '') throw missing(digest);
    return by;
  }

  /** So that it is not taken for garbage that nobody wanted for long; false where it is gone. */
  private async touch(digest: Digest): Promise<boolean> {
    const now = new Date(systemClock.now());
    return utimes(this.fileOf(digest), now, now).then(
      () => true,
      (error: unknown) => {
        if (isAbsent(error)) return false;
        throw error;
      },
    );
  }

  async localFile(digest: Digest): Promise<string> {
    const file = this.fileOf(digest);
    const found = await digestOfFile(file);
    if (found === undefined) return this.localFile(await this.successorOf(digest));
    if (found !== digest) throw corrupt(digest, file);
    return file;
  }

  fileOf(digest: Digest): string {
    return path.join(this.dir, keyOf(digest));
  }

  /**
   * Takes the content in as a stream and keeps it under its digest, replacing a damaged file of that name.
   *
   * @param expected refuses any other content with ARTIFACT_CORRUPT
   */
  async write(expected: Digest | undefined, content: Content): Promise<StoredArtifact> {
    const tmp = path.join(this.tmpDir, randomUUID());
    try {
      const stored = await writeFlushed(tmp, content);
      if (expected !== undefined && stored.digest !== expected) throw corrupt(expected, this.dir);
      if ((await this.erasedBy(stored.digest)) !== undefined) {
        await rm(tmp, { force: true });
        return stored;
      }
      const target = this.fileOf(stored.digest);
      const made = await mkdir(path.dirname(target), { recursive: true });
      await rename(tmp, target);
      await flushDir(path.dirname(target));
      if (made !== undefined) await flushDir(path.dirname(made));
      return stored;
    } catch (error) {
      await rm(tmp, { force: true });
      throw isFull(error)
        ? unavailable('ARTIFACTS_DISK_FULL', 'no space is left for artifacts; free disk space', {
            cause: error,
          })
        : error;
    }
  }

  /** Whether the content is there undamaged, so that putting it again mends a damaged file. */
  private async holds(digest: Digest): Promise<boolean> {
    return (await digestOfFile(this.fileOf(digest))) === digest;
  }

  private get tmpDir(): string {
    return path.join(this.dir, 'tmp');
  }
}

/** Undefined where there is no such file. Reads in pieces, so that a file of any size costs little memory. */
async function digestOfFile(file: string): Promise<Digest | undefined> {
  const hash = createHash('sha256');
  try {
    for await (const piece of createReadStream(file, { highWaterMark: 1 << 20 }))
      hash.update(piece as Buffer);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
  return `sha256:${hash.digest('hex')}`;
}

async function writeFlushed(file: string, content: Content): Promise<StoredArtifact> {
  const hash = createHash('sha256');
  let bytes = 0;
  // Read-only for everybody: a reader of localFile() that tries to change it is told so by the system.
  const handle = await open(file, 'wx', 0o444);
  try {
    for await (const piece of await content()) {
      hash.update(piece);
      bytes += piece.byteLength;
      await handle.writeFile(piece);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  return { digest: `sha256:${hash.digest('hex')}`, bytes };
}

async function flushDir(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function codeOf(error: unknown): unknown {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}

function isAbsent(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}

function isFull(error: unknown): boolean {
  return codeOf(error) === 'ENOSPC' || codeOf(error) === 'EDQUOT';
}
