import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Access, ModelKeys } from './access.js';
import type { Backends } from './backends.js';
import type { Folders } from './folders.js';
import type { ServiceEntry } from './services.js';
import { gatewayShellSettings, ingestShellSettings } from './shell-settings.js';

export interface SettingsOptions {
  readonly services: readonly ServiceEntry[];
  /** `<service>.grpc`, `<service>.ops`, `gateway.http`, `gateway.public-grpc`. */
  readonly ports: Readonly<Record<string, number>>;
  readonly backends: Backends;
  readonly access: Access;
  readonly keys: ModelKeys;
  readonly folders: Folders;
  readonly tenant: string;
  /** Added for every service, over the others. */
  readonly extra: Readonly<Record<string, string>>;
}

/** Makes the function that gives each service its environment: what all are told, and what some are told alone. */
export function serviceSettings(options: SettingsOptions): (service: string) => Record<string, string> {
  const { services, ports, backends, access, keys, folders, tenant, extra } = options;
  const at = (name: string) => `127.0.0.1:${ports[name]}`;
  const common = {
    ...backends.settings,
    ARTIFACTS_URL: pathToFileURL(folders.artifactsDir).href,
    PERENNIAL_TENANT: tenant,
    // Further replicas are found by what they announce.
    PERENNIAL_PEERS: services
      .filter(({ service }) => service === undefined)
      .map(({ name }) => `${name}=${at(`${name}.grpc`)}`)
      .join(','),
  };
  const own: Record<string, Record<string, string>> = {
    gateway: {
      PERENNIAL_HTTP_LISTEN: at('gateway.http'),
      PERENNIAL_PUBLIC_GRPC_LISTEN: at('gateway.public-grpc'),
      PERENNIAL_TOKENS_FILE: access.tokensFile,
      PERENNIAL_EDGE_MARK_FILE: path.join(folders.dataDir, 'gateway-edge.json'),
      PERENNIAL_MODEL_KEYS_FILE: keys.modelKeysFile,
      ...gatewayShellSettings(),
    },
    ingest: { ...backends.producerSettings, ...ingestShellSettings() },
    registry: { PERENNIAL_SIGNING_KEY_FILE: keys.signingKeyFile },
    ...Object.fromEntries(
      services
        .filter(({ name, service = name }) => service === 'inference')
        .map(({ name }) => [
          name,
          {
            PERENNIAL_REPLICA_ID: name,
            PERENNIAL_CACHE_DIR: path.join(folders.dataDir, 'models'),
            PERENNIAL_MODEL_KEYS_FILE: keys.modelKeysFile,
          },
        ]),
    ),
  };
  return (service) => ({
    ...common,
    PERENNIAL_GRPC_LISTEN: at(`${service}.grpc`),
    PERENNIAL_OPS_LISTEN: at(`${service}.ops`),
    ...own[service],
    ...extra,
  });
}
