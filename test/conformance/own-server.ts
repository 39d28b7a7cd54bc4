import { waitFor } from '@perennial/kernel';
import { startPlatform } from '@perennial/local';
import { tempDir } from '@perennial/testkit';
import { type ConformanceModel, conformanceModels } from './models.js';
import type { Server } from './server.js';

/** How long a platform may take until all models answer; other tests may run beside it. */
const readyWithinMs = 120_000;

/** A whole platform of ours, with the suite's models brought as anybody brings them. */
export async function startOwnServer(): Promise<Server & { isAlive(): boolean }> {
  const platform = await startPlatform({ dataDir: tempDir('conformance'), env: { LOG_LEVEL: 'error' } });
  const { http } = platform.urls;
  const authorization = `Bearer ${platform.token}`;
  const send = async (method: string, path: string, body: Uint8Array | string) => {
    const answer = await fetch(http + path, { method, headers: { authorization }, body });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  };
  try {
    for (const { name, bytes } of conformanceModels) await send('POST', `/v1/models/${name}/versions`, bytes);
    await send(
      'PUT',
      '/v1/models/scores/serve',
      JSON.stringify({ classes: ['sun', 'rain', 'snow', 'hail'] }),
    );
    const isReady = async ({ name }: ConformanceModel) =>
      (await fetch(`${http}/v2/models/${name}/ready`, { headers: { authorization } })).ok;
    const areReady = async () => (await Promise.all(conformanceModels.map(isReady))).every(Boolean);
    await waitFor('the models to answer', areReady, { withinMs: readyWithinMs });
  } catch (error) {
    await platform.stop();
    throw error;
  }
  return {
    http,
    grpc: platform.urls.grpc,
    token: platform.token,
    isOurs: true,
    isAlive: () => ['gateway', 'inference'].every((name) => platform.restarts(name) === 0),
    stop: () => platform.stop(),
  };
}
