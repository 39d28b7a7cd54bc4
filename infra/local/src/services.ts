import { existsSync, readdirSync } from 'node:fs';
import { get } from 'node:http';
import path from 'node:path';
import { limits, unavailable } from '@perennial/kernel';
import { rootDir } from './paths.js';
import type { Program } from './program.js';

/** A service as it lies on disk. */
export interface ServiceEntry {
  readonly name: string;
  /** What it is one of where there are several: `inference` for `inference-2`. Its name where left out. */
  readonly service?: string;
  /** The JavaScript file that Node runs. */
  readonly entry: string;
}

/**
 * V8's bound on long-lived objects, in MiB: a cap, not a reservation. Columnar work is DuckDB's and the models are
 * ONNX Runtime's, both outside of it. Without a cap V8 lets garbage grow to a quarter of the machine's memory.
 */
const heapMiB: Readonly<Record<string, number>> = {
  trainer: 1536,
  featurize: 768,
  validate: 512,
  registry: 256,
};
const heapMiBOtherwise = 384;

/**
 * V8's nursery, in MiB, of which three times stay resident. The default of 16 MiB is a luxury for a service that
 * handles some events a second; for those on the prediction path collecting it too often was a sixth of their time.
 */
const semiSpaceMiB: Readonly<Record<string, number>> = { gateway: 8, inference: 8 };
const semiSpaceMiBOtherwise = 2;

/** What a person's shell may hold for the client, and what test runners and npm add, is no setting of a service. */
const notForServices = /^(PERENNIAL_|VITEST|TESTKIT_|TEST_|npm_)/;

/**
 * Every folder of services/ that has a main program.
 *
 * @throws PlatformError NOT_BUILT
 */
export function builtServices(): ServiceEntry[] {
  const folder = path.join(rootDir, 'services');
  const names = readdirSync(folder).filter((name) => existsSync(path.join(folder, name, 'src', 'main.ts')));
  return names.sort().map((name) => {
    const entry = path.join(folder, name, 'dist', 'main.js');
    if (!existsSync(entry))
      throw unavailable('NOT_BUILT', `services/${name} is not built; run: npm run build`);
    return { name, entry };
  });
}

/** As many of inference as asked for, named `inference`, `inference-2` and so on. */
export function withReplicas(services: readonly ServiceEntry[], replicas: number): ServiceEntry[] {
  return services.flatMap((one) => {
    if (one.name !== 'inference') return [one];
    const further = Array.from({ length: replicas - 1 }, (_, at) => ({
      ...one,
      name: `${one.name}-${at + 2}`,
      service: one.name,
    }));
    return [one, ...further];
  });
}

/** The service as a program: one Node process on loopback that is ready when `GET /readyz` answers 200. */
export function serviceProgram(
  { name, service = name, entry }: ServiceEntry,
  opsPort: number,
  settings: Readonly<Record<string, string>>,
): Program {
  return {
    name,
    command: process.execPath,
    args: [
      `--max-old-space-size=${heapMiB[service] ?? heapMiBOtherwise}`,
      `--max-semi-space-size=${semiSpaceMiB[service] ?? semiSpaceMiBOtherwise}`,
      '--enable-source-maps',
      entry,
    ],
    env: {
      ...Object.fromEntries(Object.entries(process.env).filter(([key]) => !notForServices.test(key))),
      // glibc would keep one arena per thread and never give it back.
      MALLOC_ARENA_MAX: '2',
      ...settings,
    },
    cwd: rootDir,
    stopSignal: 'SIGTERM',
    stopWithinMs: limits.drainTimeoutMs + 1_000,
    isReady: (pid) => answersReady(opsPort, pid),
  };
}

/** Another platform on this machine may have taken the port; its services look like ours but for their pid. */
function answersReady(port: number, pid: number): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(
      { host: '127.0.0.1', port, path: '/readyz', timeout: 2_000, agent: false },
      (response) => {
        response.resume();
        resolve(response.statusCode === 200 && response.headers['perennial-pid'] === String(pid));
      },
    );
    request.once('timeout', () => request.destroy());
    request.once('error', () => resolve(false));
  });
}
