import path from 'node:path';
import { untilServerAnswers } from './external.js';
import type { Folders } from './folders.js';
import type { Program } from './program.js';
import { natsProgram } from './servers/nats.js';
import { natsAuth } from './servers/nats-auth.js';
import { postgresProgram } from './servers/postgres.js';

export interface BackendsOptions {
  readonly folders: Folders;
  readonly ports: { readonly nats: number; readonly postgres: number };
  readonly tenant: string;
  /** Use what NATS_URL and DATABASE_URL name, where they are set. */
  readonly useExternal: boolean;
  readonly report: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** The bus and the database: programs to run, or the addresses of servers that run elsewhere. */
export interface Backends {
  readonly programs: readonly Program[];
  readonly natsUrl: string;
  /** Settings by which every service reaches them. */
  readonly settings: Readonly<Record<string, string>>;
  /** What ingest needs, in addition, to mint producer credentials. */
  readonly producerSettings: Readonly<Record<string, string>>;
  readonly firstProducerCredsFile: string | undefined;
  /** To be called once the programs serve. */
  afterReady(): Promise<void>;
}

type Bus = Omit<Backends, 'programs' | 'afterReady'> & { readonly program: Program | undefined };
type Database = Pick<Backends, 'settings' | 'afterReady'> & { readonly program: Program | undefined };

/** Prepares both at the same time; the first start makes keys, passwords and the database folder. */
export async function backends(options: BackendsOptions): Promise<Backends> {
  const [bus, database] = await Promise.all([chooseBus(options), chooseDatabase(options)]);
  return {
    programs: [bus.program, database.program].filter((program) => program !== undefined),
    natsUrl: bus.natsUrl,
    settings: { ...bus.settings, ...database.settings },
    producerSettings: bus.producerSettings,
    firstProducerCredsFile: bus.firstProducerCredsFile,
    afterReady: database.afterReady,
  };
}

async function chooseBus(options: BackendsOptions): Promise<Bus> {
  const { folders, ports, tenant, useExternal, report, signal } = options;
  const external = useExternal ? process.env['NATS_URL'] : undefined;
  if (external) {
    await untilServerAnswers({ setting: 'NATS_URL', url: external, defaultPort: 4222, signal });
    return {
      program: undefined,
      natsUrl: external,
      settings: { NATS_URL: external, ...fromEnvironment('NATS_CREDS_FILE') },
      producerSettings: {
        PERENNIAL_NATS_PUBLIC_URL: external,
        ...fromEnvironment('PERENNIAL_PRODUCER_SIGNING_SEED_FILE'),
      },
      firstProducerCredsFile: undefined,
    };
  }
  const auth = await natsAuth(path.join(folders.secretsDir, 'nats'), tenant);
  const program = await natsProgram({ dir: folders.natsDir, port: ports.nats, auth, report });
  return {
    program,
    natsUrl: program.url,
    settings: { NATS_URL: program.url, NATS_CREDS_FILE: auth.servicesCredsFile },
    producerSettings: {
      PERENNIAL_NATS_PUBLIC_URL: program.url,
      PERENNIAL_PRODUCER_SIGNING_SEED_FILE: auth.signingSeedFile,
    },
    firstProducerCredsFile: auth.firstProducerCredsFile,
  };
}

async function chooseDatabase(options: BackendsOptions): Promise<Database> {
  const { folders, ports, useExternal, report, signal } = options;
  const external = useExternal ? process.env['DATABASE_URL'] : undefined;
  if (external) {
    await untilServerAnswers({ setting: 'DATABASE_URL', url: external, defaultPort: 5432, signal });
    return {
      program: undefined,
      settings: { DATABASE_URL: external, ...fromEnvironment('DATABASE_PASSWORD_FILE') },
      afterReady: async () => {},
    };
  }
  const passwordFile = path.join(folders.secretsDir, 'postgres-password');
  const program = await postgresProgram({
    dir: folders.postgresDir,
    passwordFile,
    port: ports.postgres,
    report,
  });
  return {
    program,
    settings: { DATABASE_URL: program.url, DATABASE_PASSWORD_FILE: passwordFile },
    afterReady: () => program.createDatabase(),
  };
}

function fromEnvironment(name: string): Record<string, string> {
  const value = process.env[name];
  return value ? { [name]: value } : {};
}
