import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { OperationsService } from '@perennial/contracts';
import { expect, test, vi } from 'vitest';
import { createClient, startService } from '../src/mod.js';

test('traces and metrics reach a collector where one is configured, and Prometheus still gets the metrics', async () => {
  const received = new Map<string, string>();
  const collector = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const body = Buffer.concat(parts).toString('latin1');
    received.set(request.url ?? '', (received.get(request.url ?? '') ?? '') + body);
    response.end();
  });
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
  const { port } = collector.address() as AddressInfo;
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', `http://127.0.0.1:${port}`);
  const service = await startService(
    { name: 'told', bus: false, settings: {}, build: () => ({}) },
    { env: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` }, onLog: () => undefined },
  );
  const client = createClient(OperationsService, service.grpcAddress);
  await client.getProgress({});
  client.close();
  const metrics = await (await fetch(`http://${service.opsAddress}/metrics`)).text();
  await service.stop();
  vi.unstubAllEnvs();
  collector.close();
  collector.closeAllConnections();
  expect(metrics).toContain('perennial_rpc_server_duration_seconds_count');
  expect(received.get('/v1/traces')).toContain('perennial.v1.OperationsService/GetProgress');
  expect(received.get('/v1/metrics')).toContain('perennial_rpc_server_duration_seconds');
});
