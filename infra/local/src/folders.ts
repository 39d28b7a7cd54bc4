import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { unavailable } from '@perennial/kernel';

/** Where everything of one platform lies. */
export interface Folders {
  readonly dataDir: string;
  readonly natsDir: string;
  readonly postgresDir: string;
  readonly artifactsDir: string;
  readonly secretsDir: string;
  readonly logsDir: string;
  readonly pidsFile: string;
  readonly portsFile: string;
}

/**
 * Makes the folders of a platform; secrets and data are their owner's alone.
 *
 * @throws PlatformError DATA_DIR_UNUSABLE
 */
export function makeFolders(dataDir: string): Folders {
  const folders: Folders = {
    dataDir,
    natsDir: path.join(dataDir, 'nats'),
    postgresDir: path.join(dataDir, 'postgres'),
    artifactsDir: path.join(dataDir, 'artifacts'),
    secretsDir: path.join(dataDir, 'secrets'),
    logsDir: path.join(dataDir, 'logs'),
    pidsFile: path.join(dataDir, 'pids.json'),
    portsFile: path.join(dataDir, 'ports.json'),
  };
  try {
    // Others may pass through (0711), for a database that has to run as another user; the folders inside are closed.
    mkdirSync(dataDir, { recursive: true, mode: 0o711 });
    for (const dir of [folders.natsDir, folders.artifactsDir, folders.secretsDir, folders.logsDir]) {
      mkdirSync(dir, { recursive: true, mode: 0o700 });
    }
  } catch (error) {
    throw unavailable(
      'DATA_DIR_UNUSABLE',
      `the data folder ${dataDir} cannot be written (${(error as NodeJS.ErrnoException).code}); make it writable for this user`,
      { cause: error },
    );
  }
  return folders;
}
