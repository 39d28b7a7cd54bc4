import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { openS3, s3Settings } from '@perennial/artifacts';
import { filesOfGlob, invalid, unavailable } from '@perennial/kernel';
import type { Seen } from './decide.js';

type S3Client = Awaited<ReturnType<typeof openS3>>;

/** A file in a place, to be read. */
export interface PlaceFile extends Seen {
  /** @throws PlatformError WATCH_FILE_CHANGED at its end, where it changed while it was read */
  readonly content: () => AsyncIterable<Uint8Array>;
}

export interface Place {
  /** As the document names it. */
  readonly name: string;
  /** Files appear whole there: none is seen while it is being written. */
  readonly isAtomic: boolean;
  /** @throws PlatformError WATCH_FORBIDDEN, WATCH_UNAVAILABLE, GLOB_INVALID */
  readonly files: () => Promise<PlaceFile[]>;
}

/**
 * A folder, or a pattern of files. Only files that lie in `roots` are read, whatever links lead out of them: who may
 * declare a source may not thereby read the machine.
 */
export function folderPlace(text: string, roots: readonly string[]): Place {
  return {
    name: text,
    isAtomic: false,
    files: async () => {
      if (!isWithin(path.resolve(text), roots)) throw forbidden(text, roots);
      const files: PlaceFile[] = [];
      for (const { path: file, bytes, modifiedAt } of await filesOfGlob(text)) {
        const real = await realpath(file).catch(() => undefined);
        if (real === undefined || !isWithin(real, await Promise.all(roots.map(realRoot)))) continue;
        const mark = markOf(bytes, modifiedAt);
        files.push({ name: file, mark, modifiedAt, content: () => unchanged(real, mark) });
      }
      return files;
    },
  };
}

function markOf(bytes: number, modifiedAt: number): string {
  return `${bytes}/${modifiedAt}`;
}

async function* unchanged(file: string, mark: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(file);
  const now = await stat(file);
  if (markOf(now.size, now.mtimeMs) === mark) return;
  throw unavailable(
    'WATCH_FILE_CHANGED',
    `${file} changed while it was read; it is taken when it is left alone`,
  );
}

function isWithin(file: string, roots: readonly string[]): boolean {
  return roots.some((root) => {
    const relative = path.relative(root, file);
    return relative === '' || !(relative.startsWith('..') || path.isAbsolute(relative));
  });
}

function realRoot(root: string): Promise<string> {
  return realpath(root).catch(() => root);
}

function forbidden(text: string, roots: readonly string[]) {
  const allowed = roots.length ? `they may lie in ${roots.join(', ')}` : 'none may be watched';
  return invalid(
    'WATCH_FORBIDDEN',
    `${text}: ${allowed}; PERENNIAL_WATCH_ROOTS of ingest says in which folders files are read`,
    { field: 'folders' },
  );
}

/** Objects of a bucket whose keys begin so. Keys end as files do; an S3 put is atomic. */
export function s3Place(text: string, client: () => Promise<S3Client>): Place {
  const { bucket, prefix } = bucketAndPrefix(text);
  return {
    name: text,
    isAtomic: true,
    files: async () => {
      try {
        const s3 = await client();
        const files: PlaceFile[] = [];
        for await (const item of s3.listObjectsV2(bucket, prefix, true)) {
          const { name, etag, lastModified } = item as { name?: string; etag: string; lastModified: Date };
          if (name === undefined || name.endsWith('/')) continue;
          files.push({
            name: `s3://${bucket}/${name}`,
            mark: etag,
            modifiedAt: lastModified.getTime(),
            content: () => objectIn(s3, bucket, name),
          });
        }
        return files.sort((a, b) => (a.name < b.name ? -1 : 1));
      } catch (cause) {
        const why = (cause as Error).message;
        throw unavailable('WATCH_UNAVAILABLE', `${text} cannot be listed: ${why}`, { cause, field: 's3' });
      }
    },
  };
}

async function* objectIn(s3: S3Client, bucket: string, name: string): AsyncGenerator<Uint8Array> {
  yield* await s3.getObject(bucket, name);
}

function bucketAndPrefix(text: string): { bucket: string; prefix: string } {
  const found = /^s3:\/\/([^/]+)\/?(.*)$/.exec(text);
  if (found) return { bucket: found[1] as string, prefix: found[2] as string };
  throw invalid('WATCH_FORBIDDEN', `${text}: write s3://bucket/beginning-of-the-keys`, { field: 's3' });
}

/** One client for all prefixes, made when the first is looked through. */
export function s3Client(env: NodeJS.ProcessEnv): () => Promise<S3Client> {
  let client: Promise<S3Client> | undefined;
  return () => {
    client ??= openS3(s3Settings(env));
    client.catch(() => {
      client = undefined;
    });
    return client;
  };
}
