import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { invalid } from '@perennial/kernel';
import { ArtifactCache } from './cache.js';
import { FolderStore } from './folder.js';
import { connectS3, type S3Address, S3Store } from './s3.js';
import type { ArtifactStore } from './store.js';

export interface ArtifactOptions {
  /** `file:///absolute/folder` or `s3://bucket/prefix`. */
  readonly url: string;
  /** Needed for s3:// only. */
  readonly s3?: S3Address;
  /** Where copies of S3 artifacts lie; the system's temporary folder by default. */
  readonly cacheDir?: string;
}

/**
 * Opens the store that `url` names; makes the folder or the bucket where it is absent.
 *
 * @throws PlatformError ARTIFACTS_URL_INVALID, ARTIFACTS_S3_INCOMPLETE, ARTIFACTS_UNAVAILABLE
 */
export async function openArtifacts(options: ArtifactOptions): Promise<ArtifactStore> {
  const url = parseUrl(options.url);
  if (url.protocol === 'file:') return new FolderStore(fileURLToPath(url)).open();
  if (!options.s3) {
    throw invalid(
      'ARTIFACTS_S3_INCOMPLETE',
      's3:// artifacts need S3_ENDPOINT, S3_ACCESS_KEY_FILE and S3_SECRET_KEY_FILE',
    );
  }
  const cacheDir = options.cacheDir ?? path.join(tmpdir(), 'perennial-artifacts');
  const cache = await new ArtifactCache(path.join(cacheDir, url.hostname)).open();
  const client = await connectS3(options.s3, url.hostname);
  return new S3Store(client, url.hostname, url.pathname.replace(/^\/+|\/+$/g, ''), cache);
}

/**
 * Reads ARTIFACTS_URL, S3_ENDPOINT, S3_REGION, ARTIFACTS_CACHE_DIR, and the keys from S3_ACCESS_KEY_FILE and
 * S3_SECRET_KEY_FILE (or, where a file cannot be had, from S3_ACCESS_KEY and S3_SECRET_KEY).
 *
 * @throws PlatformError ARTIFACTS_URL_INVALID, ARTIFACTS_S3_INCOMPLETE, naming what is missing
 */
export function artifactSettings(env: NodeJS.ProcessEnv = process.env): ArtifactOptions {
  const url = env['ARTIFACTS_URL'] ?? '';
  const cacheDir = env['ARTIFACTS_CACHE_DIR'];
  if (parseUrl(url).protocol === 'file:') return { url };
  return { url, s3: s3Settings(env), ...(cacheDir && { cacheDir }) };
}

/** @throws PlatformError ARTIFACTS_S3_INCOMPLETE, naming what is missing */
export function s3Settings(env: NodeJS.ProcessEnv = process.env): S3Address {
  const region = env['S3_REGION'];
  return {
    endpoint: required(env, 'S3_ENDPOINT'),
    accessKey: secret(env, 'S3_ACCESS_KEY'),
    secretKey: secret(env, 'S3_SECRET_KEY'),
    ...(region && { region }),
  };
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'file:' || (url?.protocol === 's3:' && url.hostname !== '')) return url;
  throw invalid(
    'ARTIFACTS_URL_INVALID',
    `ARTIFACTS_URL "${text}" must be file:///absolute/folder or s3://bucket/prefix`,
    { field: 'ARTIFACTS_URL' },
  );
}

function secret(env: NodeJS.ProcessEnv, name: string): string {
  const file = env[`${name}_FILE`];
  if (!file) return required(env, name);
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw invalid('ARTIFACTS_S3_INCOMPLETE', `${name}_FILE "${file}" cannot be read`, {
      field: `${name}_FILE`,
      cause,
    });
  }
}

function required(env: NodeJS.ProcessEnv, name: string): string {
  const value = env[name];
  if (!value) throw invalid('ARTIFACTS_S3_INCOMPLETE', `s3:// artifacts need ${name}`, { field: name });
  return value;
}
