import { access, utimes } from 'node:fs/promises';
import { digestOf } from '@perennial/kernel';
import { tempDir } from '@perennial/testkit';
import { expect, it } from 'vitest';
import { ArtifactCache } from '../src/cache.js';

function piece(content: string) {
  return () => [new TextEncoder().encode(content)];
}

async function filled(cache: ArtifactCache, content: string) {
  await cache.fill(digestOf(content), piece(content));
  return cache.localFile(digestOf(content));
}

it('a full cache lets the longest unused go', async () => {
  const cache = await new ArtifactCache(tempDir('cache'), 250, 0).open();
  const first = 'a'.repeat(100);
  const second = 'b'.repeat(100);
  const firstFile = await filled(cache, first);
  const secondFile = await filled(cache, second);
  for (const file of [firstFile, secondFile]) await utimes(file, 0, 0);
  expect(await cache.find(digestOf(first))).toBeDefined();
  await filled(cache, 'c'.repeat(100));
  await expect(access(secondFile)).rejects.toThrow('ENOENT');
  expect(await cache.find(digestOf(first))).toBeDefined();
});

it('a full cache keeps what was handed out a moment ago', async () => {
  const cache = await new ArtifactCache(tempDir('cache'), 50).open();
  const file = await filled(cache, 'a'.repeat(100));
  await filled(cache, 'b'.repeat(100));
  await access(file);
});

it('a download with another content is refused and leaves nothing', async () => {
  const dir = tempDir('cache');
  const cache = await new ArtifactCache(dir).open();
  const digest = digestOf('what was asked for');
  await expect(cache.fill(digest, piece('something else'))).rejects.toMatchObject({
    code: 'ARTIFACT_CORRUPT',
  });
  expect(await cache.find(digest)).toBeUndefined();
});
