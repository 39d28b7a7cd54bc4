import { invalid, type PlatformError } from '@perennial/kernel';
import { z } from 'zod';
import { type LogLevel, logLevels } from './log.js';

export type Settings<S extends Record<string, z.ZodType>> = z.infer<z.ZodObject<S>>;

/** What every service is told, beside its own settings. */
export interface CommonSettings {
  readonly tenant: string;
  /** Where the other services listen: name to host:port. */
  readonly peers: ReadonlyMap<string, string>;
  readonly grpcListen: string;
  readonly opsListen: string;
  readonly logLevel: LogLevel;
  readonly natsUrl: string | undefined;
  readonly natsCredsFile: string | undefined;
  readonly databaseUrl: string | undefined;
  readonly databasePasswordFile: string | undefined;
}

export interface Config<S extends Record<string, z.ZodType>> {
  readonly settings: Settings<S>;
  readonly common: CommonSettings;
  /** Every value, where it came from, secrets masked; for the log. */
  readonly shown: Record<string, { value: unknown; from: 'environment' | 'default' }>;
}

const commonNames = ['PERENNIAL_TENANT', 'PERENNIAL_PEERS', 'PERENNIAL_GRPC_LISTEN', 'PERENNIAL_OPS_LISTEN'];
const withoutPrefix = [
  'LOG_LEVEL',
  'NATS_URL',
  'NATS_CREDS_FILE',
  'DATABASE_URL',
  'DATABASE_PASSWORD_FILE',
  'ARTIFACTS_URL',
];

/**
 * Reads a service's settings: `fooBar` from `PERENNIAL_FOO_BAR`. An empty value counts as unset.
 *
 * @throws PlatformError CONFIG_UNKNOWN or CONFIG_INVALID, naming every wrong variable at once
 */
export function readConfig<S extends Record<string, z.ZodType>>(shape: S, env: NodeJS.ProcessEnv): Config<S> {
  const names = new Map(Object.keys(shape).map((setting) => [setting, variableOf(setting)]));
  refuseUnknown(env, [...commonNames, ...names.values()]);
  const given = (variable: string) => env[variable] || undefined;

  const raw = Object.fromEntries([...names].map(([setting, variable]) => [setting, given(variable)]));
  const parsed = z.object(shape).safeParse(raw);
  if (!parsed.success) throw wrong(parsed.error, shape, names);

  const common = readCommon(given);
  const shown: Config<S>['shown'] = {};
  for (const variable of [...commonNames, ...withoutPrefix]) {
    const value = given(variable);
    if (value !== undefined) shown[variable] = { value: masked(variable, value), from: 'environment' };
  }
  for (const [setting, variable] of names) {
    const value = (parsed.data as Record<string, unknown>)[setting];
    const from = given(variable) === undefined ? 'default' : 'environment';
    if (value !== undefined) shown[variable] = { value: masked(variable, value), from };
  }
  return { settings: parsed.data as Settings<S>, common, shown };
}

/** `testRetryMsMax` is told as `PERENNIAL_TEST_RETRY_MS_MAX`, `budgetMiB` as `PERENNIAL_BUDGET_MIB`. */
export function variableOf(setting: string): string {
  const plain = setting.replace(/([KMGT])iB/g, '$1IB');
  return `PERENNIAL_${plain.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase()}`;
}

function refuseUnknown(env: NodeJS.ProcessEnv, known: readonly string[]): void {
  const unknown = Object.keys(env).filter((name) => name.startsWith('PERENNIAL_') && !known.includes(name));
  if (unknown.length === 0) return;
  throw invalid(
    'CONFIG_UNKNOWN',
    `${unknown.sort().join(', ')}: no setting of this service; remove it or correct the name. Known: ${[...known].sort().join(', ')}`,
    { field: unknown[0] ?? '' },
  );
}

function wrong(
  error: z.ZodError,
  shape: Record<string, z.ZodType>,
  names: ReadonlyMap<string, string>,
): PlatformError {
  const sentences = error.issues.map(({ path: [setting], message }) => {
    const variable = names.get(String(setting)) ?? String(setting);
    const meaning = shape[String(setting)]?.description;
    return `${variable}: ${message}${meaning ? ` (${meaning})` : ''}`;
  });
  const field = names.get(String(error.issues[0]?.path[0])) ?? '';
  return invalid('CONFIG_INVALID', sentences.join('; '), { field });
}

function readCommon(given: (variable: string) => string | undefined): CommonSettings {
  const level = given('LOG_LEVEL') ?? 'info';
  if (!logLevels.some((known) => known === level)) {
    throw invalid('CONFIG_INVALID', `LOG_LEVEL: "${level}" must be one of ${logLevels.join(', ')}`, {
      field: 'LOG_LEVEL',
    });
  }
  return {
    tenant: given('PERENNIAL_TENANT') ?? 'default',
    peers: peersOf(given('PERENNIAL_PEERS') ?? ''),
    grpcListen: given('PERENNIAL_GRPC_LISTEN') ?? '127.0.0.1:0',
    opsListen: given('PERENNIAL_OPS_LISTEN') ?? '127.0.0.1:0',
    logLevel: level as LogLevel,
    natsUrl: given('NATS_URL'),
    natsCredsFile: given('NATS_CREDS_FILE'),
    databaseUrl: given('DATABASE_URL'),
    databasePasswordFile: given('DATABASE_PASSWORD_FILE'),
  };
}

function peersOf(text: string): ReadonlyMap<string, string> {
  const pairs = text.split(',').filter((pair) => pair !== '');
  return new Map(
    pairs.map((pair): [string, string] => {
      const [name, address, ...rest] = pair.split('=');
      if (!name || !address?.includes(':') || rest.length > 0) {
        throw invalid(
          'CONFIG_INVALID',
          `PERENNIAL_PEERS: "${pair}" must be name=host:port; separate several by commas`,
          { field: 'PERENNIAL_PEERS' },
        );
      }
      return [name, address];
    }),
  );
}

function masked(variable: string, value: unknown): unknown {
  if (/(PASSWORD|SECRET|TOKEN|KEY|CREDENTIAL)/.test(variable) && !/_(FILE|URL)$/.test(variable)) return '***';
  if (typeof value !== 'string') return value;
  return value.replace(/:\/\/([^/@:]*):[^/@]*@/g, '://$1:***@');
}
