import { chmod, mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Digest, digestOf } from '@perennial/kernel';
import { tempDir } from '@perennial/testkit';
import { beforeAll, describe, expect, it } from 'vitest';
import { type ArtifactStore, artifactSettings, openArtifacts } from '../src/mod.js';
import { connectS3 } from '../src/s3.js';

interface Backend {
  /** As another process would open it: nothing shared but the store. */
  open(): Promise<ArtifactStore>;
  /** Puts `content` where the artifact lies, past the store. */
  damage(digest: Digest, content: string): Promise<void>;
  skip?: string;
}

const s3Endpoint = process.env['S3_ENDPOINT'];
const backends: Record<string, () => Backend> = { folder, s3 };

function folder(): Backend {
  const dir = tempDir('artifacts');
  return {
    open: () => openArtifacts({ url: pathToFileURL(dir).href }),
    damage: async (digest, content) => {
      const file = path.join(dir, 'sha256', digest.slice(7, 9), digest.slice(7));
      await chmod(file, 0o644);
      await writeFile(file, content);
    },
  };
}

function s3(): Backend {
  const prefix = `test-${process.pid}-${performance.now().toString().replace('.', '-')}`;
  const env = { ARTIFACTS_URL: `s3://perennial-test/${prefix}`, ...process.env };
  const settings = () => artifactSettings({ ...env, ARTIFACTS_CACHE_DIR: tempDir('s3-cache') });
  return {
    open: () => openArtifacts(settings()),
    damage: async (digest, content) => {
      const { s3 } = settings();
      if (!s3) throw new Error('S3 settings are incomplete');
      const client = await connectS3(s3, 'perennial-test');
      const key = `${prefix}/sha256/${digest.slice(7, 9)}/${digest.slice(7)}`;
      await client.putObject('perennial-test', key, content);
    },
    ...(!s3Endpoint && { skip: 'no S3 server: set S3_ENDPOINT, S3_ACCESS_KEY and S3_SECRET_KEY' }),
  };
}

const text = (content: string) => new TextEncoder().encode(content);
const never = digestOf('nobody ever put this');

describe.each(Object.entries(backends))('artifacts in %s', (_name, make) => {
  const backend = make();
  let store: ArtifactStore;

  beforeAll(async () => {
    if (!backend.skip) store = await backend.open();
  });

  function promise(says: string, test: () => Promise<void>) {
    it(says, async (context) => {
      context.skip(backend.skip !== undefined, backend.skip);
      await test();
    });
  }

  promise('what was put is read back under its digest, by another process too', async () => {
    const content = text('a model');
    const stored = await store.put(content);
    expect(stored).toEqual({ digest: digestOf(content), bytes: 7 });
    const other = await backend.open();
    expect(Buffer.from(await other.get(stored.digest)).toString()).toBe('a model');
    expect(await readFile(await other.localFile(stored.digest), 'utf8')).toBe('a model');
    expect(await other.has(stored.digest)).toBe(true);
  });

  promise('everything that was put is listed, with its size', async () => {
    const { digest } = await store.put(text('listed'));
    const listed = [];
    for await (const one of store.list()) if (one.digest === digest) listed.push(one);
    expect(listed).toMatchObject([{ digest, bytes: 6 }]);
  });

  promise('what was put after a moment is not removed as older than it', async () => {
    const { digest } = await store.put(text('wanted again'));
    const later = Date.now() + 60_000;
    expect(await store.remove(digest, Date.now() - 60_000)).toBe(false);
    expect(await store.has(digest)).toBe(true);
    expect(await store.remove(digest, later)).toBe(true);
    expect(await store.has(digest)).toBe(false);
    await store.put(text('wanted again'));
    expect(Buffer.from(await store.get(digest)).toString()).toBe('wanted again');
  });

  promise('what is read of an erased artifact is what was left of it', async () => {
    const whole = await store.put(text('ann\nbob\n'));
    const rest = await store.put(text('bob\n'));
    await store.erase(whole.digest, rest.digest);
    expect(Buffer.from(await store.get(whole.digest)).toString()).toBe('bob\n');
    expect(await readFile(await store.localFile(whole.digest), 'utf8')).toBe('bob\n');
    expect(await store.has(whole.digest)).toBe(true);
    expect(await store.erasedBy(whole.digest)).toBe(rest.digest);
    const pieces = [];
    for await (const piece of await store.read(whole.digest)) pieces.push(piece);
    expect(Buffer.concat(pieces).toString()).toBe('bob\n');
    await store.erase(rest.digest, undefined);
    await expect(store.get(whole.digest)).rejects.toMatchObject({ code: 'ARTIFACT_NOT_FOUND' });
    expect(await store.has(whole.digest)).toBe(false);
  });

  promise('an artifact may be empty', async () => {
    const { digest } = await store.put(new Uint8Array());
    expect(await store.get(digest)).toHaveLength(0);
  });

  promise('what nobody put is said to be absent, and may be asked for again later', async () => {
    expect(await store.has(never)).toBe(false);
    await expect(store.get(never)).rejects.toMatchObject({ code: 'ARTIFACT_NOT_FOUND', retry: 'after' });
    await expect(store.localFile(never)).rejects.toMatchObject({ code: 'ARTIFACT_NOT_FOUND' });
  });

  promise('the same content put by many at once is whole and is kept once', async () => {
    const content = text('x'.repeat(300_000));
    const stores = await Promise.all([1, 2, 3, 4].map(() => backend.open()));
    const stored = await Promise.all([...stores, ...stores].map((each) => each.put(content)));
    expect(new Set(stored.map(({ digest }) => digest)).size).toBe(1);
    expect(await store.get(digestOf(content))).toHaveLength(300_000);
  });

  promise('a damaged artifact is refused, and putting it again mends it', async () => {
    const content = text('twenty degrees');
    const { digest } = await store.put(content);
    await backend.damage(digest, 'thirty degrees');
    const other = await backend.open();
    await expect(other.get(digest)).rejects.toMatchObject({ code: 'ARTIFACT_CORRUPT', retry: 'never' });
    await expect(other.localFile(digest)).rejects.toMatchObject({ code: 'ARTIFACT_CORRUPT' });
    await other.put(content);
    expect(Buffer.from(await other.get(digest)).toString()).toBe('twenty degrees');
  });

  promise('a large file is copied in and out without being held in memory', async () => {
    const file = path.join(tempDir('large'), 'large.bin');
    await writeFile(file, 'begin');
    await truncate(file, 200 * 2 ** 20);
    const before = process.memoryUsage().arrayBuffers;
    const stored = await store.putFile(file);
    const copy = await (await backend.open()).localFile(stored.digest);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(150 * 2 ** 20);
    expect(stored.bytes).toBe(200 * 2 ** 20);
    expect((await readFile(copy)).subarray(0, 5).toString()).toBe('begin');
    expect((await readFile(file)).subarray(0, 5).toString()).toBe('begin');
  });

  promise('a name that is no digest never becomes a path', async () => {
    const names = ['sha256:../../../etc/passwd', `sha256:${'A'.repeat(64)}`, '../x', '', `${never}/..`];
    for (const name of names) {
      for (const ask of [
        store.get(name as Digest),
        store.has(name as Digest),
        store.localFile(name as Digest),
      ]) {
        await expect(ask).rejects.toMatchObject({ code: 'DIGEST_INVALID' });
      }
    }
  });
});

describe('the folder', () => {
  it('keeps nothing of a put that was cut off', async () => {
    const dir = tempDir('artifacts');
    const store = await openArtifacts({ url: pathToFileURL(dir).href });
    const absent = path.join(dir, 'no-such-file');
    await expect(store.putFile(absent)).rejects.toThrow('ENOENT');
    const directory = path.join(dir, 'a-directory');
    await mkdir(directory);
    await expect(store.putFile(directory)).rejects.toThrow('EISDIR');
    expect(await readdir(path.join(dir, 'tmp'))).toEqual([]);
  });
});

describe('the settings', () => {
  it.each(['', '/var/artifacts', 'https://example.org/x', 's3://'])(
    '%j is refused as ARTIFACTS_URL',
    (url) => {
      expect(() => artifactSettings({ ARTIFACTS_URL: url })).toThrow(
        'file:///absolute/folder or s3://bucket/prefix',
      );
    },
  );

  it('a missing S3 key is named', () => {
    const env = { ARTIFACTS_URL: 's3://bucket', S3_ENDPOINT: 'http://127.0.0.1:9000' };
    expect(() => artifactSettings(env)).toThrow('S3_ACCESS_KEY');
  });
});
