import type { Log } from '@perennial/bus';
import { systemClock } from '@perennial/kernel';
import type { z } from 'zod';
import { readConfig } from './config.js';
import type { ServiceOptions } from './frame.js';
import { openLog } from './log.js';
import { Service } from './service.js';

export interface RunningService {
  readonly name: string;
  readonly grpcAddress: string;
  readonly opsAddress: string;
  readonly log: Log;
  /** Drains: takes nothing new, ends what is in hand, closes bus and database. */
  stop(): Promise<void>;
}

/**
 * Starts a service in this process, without touching the process itself; runService does that. Waits up to a minute
 * for a bus or a database that is not there yet.
 *
 * @throws PlatformError CONFIG_*, or why it cannot start
 */
export async function startService<S extends Record<string, z.ZodType>>(
  o: ServiceOptions<S>,
  { env = process.env, onLog }: { env?: NodeJS.ProcessEnv; onLog?: (line: string) => void } = {},
): Promise<RunningService> {
  const { settings, common, shown } = readConfig(o.settings, env);
  const log = openLog({
    service: o.name,
    tenant: common.tenant,
    level: common.logLevel,
    ...(onLog && { write: onLog }),
  });
  log.debug('settings', { settings: shown });
  const service = new Service(o, { settings, common, log, env, clock: systemClock });
  try {
    return await service.start();
  } catch (error) {
    await service.stop();
    throw error;
  }
}
