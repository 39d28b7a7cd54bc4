import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { unavailable } from '@perennial/kernel';

export interface Readiness {
  readonly ready: boolean;
  /** What is waited for; empty when ready. */
  readonly waitsFor: readonly string[];
}

export interface OpsServer {
  readonly address: string;
  close(): Promise<void>;
}

/**
 * For supervisors and scrapers: `/healthz` (the event loop turns), `/readyz` (it can serve now), `/metrics`.
 *
 * @throws PlatformError LISTEN_UNAVAILABLE
 */
export async function serveOps(o: {
  listen: string;
  service: string;
  readiness: () => Promise<Readiness>;
  metrics: (request: IncomingMessage, response: ServerResponse) => void;
}): Promise<OpsServer> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://ops');
    // Whoever started this process can tell its answers from those of another that took its port.
    response.setHeader('perennial-pid', process.pid);
    if (request.method !== 'GET' && request.method !== 'HEAD') answer(response, 405, { error: 'GET only' });
    else if (pathname === '/metrics') o.metrics(request, response);
    else if (pathname === '/healthz') answer(response, 200, { service: o.service, alive: true });
    else if (pathname === '/readyz') {
      o.readiness().then(
        (readiness) => answer(response, readiness.ready ? 200 : 503, { service: o.service, ...readiness }),
        (error: unknown) =>
          answer(response, 503, { service: o.service, ready: false, waitsFor: [String(error)] }),
      );
    } else answer(response, 404, { error: 'there is /healthz, /readyz and /metrics' });
  });
  const at = o.listen.lastIndexOf(':');
  const host = o.listen.slice(0, at);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        unavailable('LISTEN_UNAVAILABLE', `cannot listen on ${o.listen}; free the port or choose another`, {
          internal: error.message,
        }),
      ),
    );
    server.listen(Number(o.listen.slice(at + 1)), host, resolve);
  });
  return {
    address: `${host}:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
}
