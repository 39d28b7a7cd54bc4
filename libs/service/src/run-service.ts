import { isatty } from 'node:tty';
import { asPlatformError, limits, PlatformError } from '@perennial/kernel';
import type { z } from 'zod';
import type { ServiceOptions } from './frame.js';
import { type RunningService, startService } from './start-service.js';

/**
 * The entry of a service's process. SIGTERM drains within limits.drainTimeoutMs and exits with 0. SIGINT is left to
 * whoever supervises, which then sends SIGTERM; run by hand in a terminal, Ctrl-C drains too. A setting that is wrong
 * or unknown ends it with one sentence and exit code 2, any other reason not to start with exit code 1.
 */
export async function runService<S extends Record<string, z.ZodType>>(o: ServiceOptions<S>): Promise<void> {
  let running: RunningService | undefined;
  let isStopping = false;
  const stop = () => {
    if (isStopping) return;
    isStopping = true;
    // Nothing is in hand before it runs.
    if (!running) process.exit(0);
    const late = setTimeout(() => {
      running?.log.error('draining took too long; leaving', { drainTimeoutMs: limits.drainTimeoutMs });
      process.exit(1);
    }, limits.drainTimeoutMs);
    running.stop().then(
      () => {
        clearTimeout(late);
        process.exit(0);
      },
      (error: unknown) => {
        running?.log.error('draining failed', { error });
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', () => {
    if (isatty(0)) stop();
  });
  process.on('uncaughtException', (error) => {
    if (running) running.log.error('uncaught exception', { error });
    else process.stderr.write(`${o.name}: ${error.stack ?? error.message}\n`);
    process.exit(1);
  });
  try {
    running = await startService(o);
  } catch (thrown) {
    const error = asPlatformError(thrown);
    process.stderr.write(`${o.name} cannot start: ${sentence(thrown, error)}\n`);
    process.exit(error.code.startsWith('CONFIG_') ? 2 : 1);
  }
}

function sentence(thrown: unknown, { code, message, internal }: PlatformError): string {
  if (thrown instanceof PlatformError) return `${message} [${code}]${internal ? ` (${internal})` : ''}`;
  return internal ?? message;
}
