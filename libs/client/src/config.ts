import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { invalid } from '@perennial/kernel';
import type { Trust } from './https-fetch.js';

/** Where the platform answers and who we are. */
export interface ClientConfig {
  url: string;
  token: string;
  /** host:port of the gateway's gRPC door, where it is known. */
  grpcUrl?: string | undefined;
  /** For a gateway that speaks TLS with certificates of an authority of one's own. */
  trust?: Trust | undefined;
}

/**
 * `PERENNIAL_URL`, `PERENNIAL_TOKEN` and, for gRPC, `PERENNIAL_GRPC_URL` (host:port), else `.perennial/client.json` of this folder or the nearest one above it
 * (written by `npm start` and `npm run demo`). `PERENNIAL_CA_FILE` names a PEM file with the authority that signed the
 * gateway's certificate, `PERENNIAL_CLIENT_CERT_FILE` and `PERENNIAL_CLIENT_KEY_FILE` what to show where it asks for one.
 *
 * @throws PlatformError CLIENT_UNCONFIGURED that says how to get one, FILE_UNREADABLE
 */
export function loadClientConfig(env: NodeJS.ProcessEnv = process.env, folder = process.cwd()): ClientConfig {
  const url = env['PERENNIAL_URL'];
  const token = env['PERENNIAL_TOKEN'];
  const grpcUrl = env['PERENNIAL_GRPC_URL'];
  const trust = trustOf(env);
  if (url && token) return { url, token, ...(grpcUrl && { grpcUrl }), ...trust };
  for (let at = folder; ; at = dirname(at)) {
    const found = readClientFile(join(at, '.perennial', 'client.json'));
    // The file's gRPC door belongs to the file's platform.
    const door = grpcUrl ?? (url ? undefined : found?.grpcUrl);
    if (found)
      return { url: url ?? found.url, token: token ?? found.token, ...(door && { grpcUrl: door }), ...trust };
    if (dirname(at) === at) break;
  }
  throw invalid(
    'CLIENT_UNCONFIGURED',
    'no running platform is known here: run `npm start` in the project folder, or set PERENNIAL_URL and PERENNIAL_TOKEN',
  );
}

function trustOf(env: NodeJS.ProcessEnv): { trust?: Trust } {
  const files = {
    ca: env['PERENNIAL_CA_FILE'],
    cert: env['PERENNIAL_CLIENT_CERT_FILE'],
    key: env['PERENNIAL_CLIENT_KEY_FILE'],
  };
  const given = Object.entries(files).filter(([, path]) => path);
  if (given.length === 0) return {};
  return { trust: Object.fromEntries(given.map(([part, path]) => [part, readPem(path ?? '')])) };
}

function readPem(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw invalid('FILE_UNREADABLE', `cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
}

function readClientFile(path: string): ClientConfig | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
  const { url, token, grpcUrl } = JSON.parse(text) as Partial<ClientConfig>;
  return url && token ? { url, token, ...(grpcUrl && { grpcUrl }) } : undefined;
}
