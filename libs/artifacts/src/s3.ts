import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { type Digest, digestOf, PlatformError, unavailable } from '@perennial/kernel';
import type { Client } from 'minio';
import type { ArtifactCache } from './cache.js';
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

export interface S3Address {
  readonly endpoint: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly region?: string;
}

/** The store in a bucket of any S3 server, with a local cache of what was read. S3 itself makes a put atomic. */
export class S3Store implements ArtifactStore {
  constructor(
    private readonly client: Client,
    private readonly bucket: string,
    private readonly prefix: string,
    private readonly cache: ArtifactCache,
  ) {}

  async put(content: Uint8Array): Promise<StoredArtifact> {
    const digest = digestOf(content);
    const bytes = content.byteLength;
    // Sent without asking whether it is there: one round trip, and a damaged object is mended.
    const buffer = Buffer.from(content.buffer, content.byteOffset, bytes);
    await this.ask(digest, () => this.client.putObject(this.bucket, this.key(digest), buffer, bytes));
    return { digest, bytes };
  }

  async putFile(path: string): Promise<StoredArtifact> {
    // The copy cannot change between hashing and sending, as the caller's file could.
    const stored = await this.cache.putFile(path);
    await this.ask(stored.digest, async () => {
      const copy = await open(await this.cache.localFile(stored.digest));
      await this.client.putObject(
        this.bucket,
        this.key(stored.digest),
        copy.createReadStream(),
        stored.bytes,
      );
    });
    return stored;
  }

  async get(digest: Digest): Promise<Uint8Array> {
    const cached = await this.cache.get(digest);
    if (cached) return cached;
    const pieces: Buffer[] = [];
    const by = await this.orSuccessor(digest, async () => {
      for await (const piece of await this.object(digest)) pieces.push(piece as Buffer);
    });
    if (by !== undefined) return this.get(by);
    const content = Buffer.concat(pieces);
    if (digestOf(content) !== digest) throw corrupt(digest, `s3://${this.bucket}/${this.key(digest)}`);
    return content;
  }

  async has(digest: Digest): Promise<boolean> {
    try {
      await this.ask(digest, () => this.client.statObject(this.bucket, this.key(digest)));
      return true;
    } catch (error) {
      if (!isMissing(error)) throw error;
      const by = await this.erasedBy(digest);
      return by !== undefined && by !== '' && this.has(by);
    }
  }

  async localFile(digest: Digest): Promise<string> {
    const cached = await this.cache.find(digest);
    if (cached !== undefined) return cached;
    const by = await this.orSuccessor(digest, () => this.cache.fill(digest, () => this.object(digest)));
    return by === undefined ? this.cache.localFile(digest) : this.localFile(by);
  }

  async read(digest: Digest): Promise<AsyncIterable<Uint8Array>> {
    let content: Readable | undefined;
    const by = await this.orSuccessor(digest, async () => {
      content = await this.object(digest);
    });
    return by === undefined ? (content as Readable) : this.read(by);
  }

  async *list(): AsyncGenerator<ListedArtifact> {
    const under = this.prefix === '' ? 'sha256/' : `${this.prefix}/sha256/`;
    try {
      for await (const item of this.client.listObjectsV2(this.bucket, under, true)) {
        const { name, size, lastModified } = item as { name: string; size: number; lastModified: Date };
        const digest = digestOfKey(name);
        if (digest) yield { digest, bytes: size, modifiedAt: lastModified.getTime() };
      }
    } catch (error) {
      throw unreachableStore(this.bucket, error);
    }
  }

  /** A put overwrites, so the time of change is that of the last put. */
  async remove(digest: Digest, notSince: number): Promise<boolean> {
    try {
      const state = await this.ask(digest, () => this.client.statObject(this.bucket, this.key(digest)));
      if (state.lastModified.getTime() >= notSince) return false;
    } catch (error) {
      if (isMissing(error)) return true;
      throw error;
    }
    await this.ask(digest, () => this.client.removeObject(this.bucket, this.key(digest)));
    await this.cache.forget(digest);
    return true;
  }

  async erase(digest: Digest, by: Digest | undefined): Promise<void> {
    const note = Buffer.from(by ?? '');
    await this.ask(digest, () =>
      this.client.putObject(this.bucket, this.erasedKey(digest), note, note.length),
    );
    await this.ask(digest, () => this.client.removeObject(this.bucket, this.key(digest)));
    await this.cache.forget(digest);
  }

  async erasedBy(digest: Digest): Promise<Digest | '' | undefined> {
    try {
      const pieces: Buffer[] = [];
      await this.ask(digest, async () => {
        const note = await this.client.getObject(this.bucket, this.erasedKey(digest));
        for await (const piece of note) pieces.push(piece as Buffer);
      });
      return successorIn(Buffer.concat(pieces).toString('utf8'));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  private key(digest: Digest): string {
    return this.prefix === '' ? keyOf(digest) : `${this.prefix}/${keyOf(digest)}`;
  }

  private erasedKey(digest: Digest): string {
    return this.prefix === '' ? erasedKeyOf(digest) : `${this.prefix}/${erasedKeyOf(digest)}`;
  }

  private object(digest: Digest): Promise<Readable> {
    return this.client.getObject(this.bucket, this.key(digest));
  }

  /** Reads the object; where it was erased, the digest of what came in its place. */
  private async orSuccessor(digest: Digest, read: () => Promise<void>): Promise<Digest | undefined> {
    try {
      await this.ask(digest, read);
      return undefined;
    } catch (error) {
      if (!isMissing(error)) throw error;
      const by = await this.erasedBy(digest);
      if (by === undefined || by === '') throw error;
      return by;
    }
  }

  private async ask<T>(digest: Digest, question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (error) {
      if (error instanceof PlatformError) throw error;
      throw isAbsent(error) ? missing(digest) : unreachableStore(this.bucket, error);
    }
  }
}

/** Loads the S3 client: folder users never pay its memory. */
export async function openS3(address: S3Address): Promise<Client> {
  const { Client } = await import('minio');
  const endpoint = new URL(address.endpoint);
  return new Client({
    endPoint: endpoint.hostname,
    useSSL: endpoint.protocol === 'https:',
    ...(endpoint.port !== '' && { port: Number(endpoint.port) }),
    accessKey: address.accessKey,
    secretKey: address.secretKey,
    region: address.region ?? 'us-east-1',
    pathStyle: true,
  });
}

/** Opens a client, and makes the bucket where it is absent. */
export async function connectS3(address: S3Address, bucket: string): Promise<Client> {
  const client = await openS3(address);
  try {
    if (!(await client.bucketExists(bucket))) await client.makeBucket(bucket);
  } catch (error) {
    // Another service made it between the look and the making.
    if (!/^Bucket(AlreadyOwnedByYou|AlreadyExists)$/.test(codeOf(error)))
      throw unreachableStore(bucket, error);
  }
  return client;
}

function unreachableStore(bucket: string, cause: unknown): PlatformError {
  const reason = cause instanceof Error ? cause.message || codeOf(cause) : String(cause);
  return unavailable('ARTIFACTS_UNAVAILABLE', `the S3 bucket "${bucket}" cannot be used: ${reason}`, {
    cause,
  });
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | undefined)?.code ?? '');
}

function isMissing(error: unknown): boolean {
  return error instanceof PlatformError && error.code === 'ARTIFACT_NOT_FOUND';
}

function isAbsent(error: unknown): boolean {
  return codeOf(error) === 'NoSuchKey' || codeOf(error) === 'NotFound';
}
