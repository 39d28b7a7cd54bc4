import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { Server } from '../server.js';

const run = promisify(execFile);
const script = fileURLToPath(new URL('../clients/tritonclient_check.py', import.meta.url));
/** A Python that has tritonclient[http,grpc]. */
const python = process.env['CONFORMANCE_PYTHON'] ?? 'python3';

/** Clients that others wrote, unchanged. */
export function foreignClientCases(server: () => Server): void {
  test('Python’s tritonclient does with it what it does with its own server', async (context) => {
    try {
      await run(python, ['-c', 'import numpy, tritonclient.http, tritonclient.grpc']);
    } catch {
      return context.skip(`${python} has no tritonclient; set CONFORMANCE_PYTHON to one that has`);
    }
    const { http, grpc, token } = server();
    const { stdout } = await run(python, [script, new URL(http).host, grpc, token ?? '']);
    expect(stdout.split('\n').filter((line) => line.startsWith('held: ')).length).toBe(16);
  });
}
