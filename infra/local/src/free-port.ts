import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Below Linux' ephemeral range (32768 to 60999, ip_local_port_range): a port that is remembered for the next start
 * must not be taken by some outgoing connection in between.
 */
const lowestPort = 15_000;
const highestPort = 32_000;
const attemptsMax = 100;

/** Whether a server can listen on the port on loopback now. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** A port on loopback that nobody listens on; random, so that two askers hardly ever get the same one. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const port = randomInt(lowestPort, highestPort);
    if (await isPortFree(port)) return port;
  }
  throw new Error(`no free port between ${lowestPort} and ${highestPort} in ${attemptsMax} attempts`);
}
