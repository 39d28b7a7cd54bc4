import { invalid } from '@perennial/kernel';
import { freePort, isPortFree } from './free-port.js';
import { readTextFile, writePrivateFile } from './private-file.js';

/**
 * Ports by name, chosen once and kept, so that a restart finds every address where it was.
 *
 * @param wanted ports that must be these and no others
 * @throws PlatformError PORT_TAKEN when a wanted port is not free
 */
export async function rememberedPorts<Name extends string>(
  file: string,
  names: readonly Name[],
  wanted: Partial<Record<Name, number>> = {},
): Promise<Record<Name, number>> {
  const known = JSON.parse(readTextFile(file) || '{}') as Partial<Record<Name, number>>;
  const ports = {} as Record<Name, number>;
  const taken = new Set<number>(
    Object.values<number | undefined>(wanted).filter((port) => port !== undefined),
  );
  for (const name of names) {
    ports[name] = wanted[name] ?? (await choose(known[name], taken));
    taken.add(ports[name]);
    if (wanted[name] !== undefined && !(await isPortFree(ports[name]))) {
      throw invalid(
        'PORT_TAKEN',
        `port ${ports[name]} (${name}) is taken by another program; stop that program, or choose other ports: ` +
          'npm start -- --port 9080 (HTTP; gRPC takes the next one)',
      );
    }
  }
  writePrivateFile(file, `${JSON.stringify(ports, undefined, 2)}\n`);
  return ports;
}

async function choose(known: number | undefined, taken: ReadonlySet<number>): Promise<number> {
  if (known !== undefined && !taken.has(known) && (await isPortFree(known))) return known;
  for (;;) {
    const port = await freePort();
    if (!taken.has(port)) return port;
  }
}
