import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { invalid } from '@perennial/kernel';

/** Where the platform answers and who we are. */
export interface ClientConfig {
  url: string;
  token: string;
}

/**
 * `PERENNIAL_URL` and `PERENNIAL_TOKEN`, else `.perennial/client.json` of this folder or the nearest one above it
 * (written by `npm start` and `npm run demo`).
 *
 * @throws PlatformError CLIENT_UNCONFIGURED that says how to get one
 */
export function loadClientConfig(env: NodeJS.ProcessEnv = process.env, folder = process.cwd()): ClientConfig {
  const url = env['PERENNIAL_URL'];
  const token = env['PERENNIAL_TOKEN'];
  if (url && token) return { url, token };
  for (let at = folder; ; at = dirname(at)) {
    const found = readClientFile(join(at, '.perennial', 'client.json'));
    if (found) return { url: url ?? found.url, token: token ?? found.token };
    if (dirname(at) === at) break;
  }
  throw invalid(
    'CLIENT_UNCONFIGURED',
    'no running platform is known here: run `npm start` in the project folder, or set PERENNIAL_URL and PERENNIAL_TOKEN',
  );
}

function readClientFile(path: string): ClientConfig | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
  const { url, token } = JSON.parse(text) as Partial<ClientConfig>;
  return url && token ? { url, token } : undefined;
}
