import { expect, test } from 'vitest';
import { withReplicas } from '../src/services.js';
import { serviceSettings } from '../src/settings.js';

const services = withReplicas(
  ['gateway', 'inference'].map((name) => ({ name, entry: `${name}.js` })),
  3,
);

test('further replicas run the same program under names and ports of their own, and are nobody’s configured peer', () => {
  expect(services).toEqual([
    { name: 'gateway', entry: 'gateway.js' },
    { name: 'inference', entry: 'inference.js' },
    { name: 'inference-2', entry: 'inference.js', service: 'inference' },
    { name: 'inference-3', entry: 'inference.js', service: 'inference' },
  ]);
  const ports = Object.fromEntries(
    services.flatMap(({ name }, at) => [
      [`${name}.grpc`, 7_000 + at],
      [`${name}.ops`, 8_000 + at],
    ]),
  );
  const environmentOf = serviceSettings({
    services,
    ports,
    backends: { settings: {}, producerSettings: {} },
    access: { tokensFile: '' },
    keys: { signingKeyFile: 'private.pem', modelKeysFile: 'public.pem' },
    folders: { artifactsDir: '/artifacts', dataDir: '/data' },
    tenant: 'default',
    extra: {},
  } as unknown as Parameters<typeof serviceSettings>[0]);
  expect(environmentOf('gateway')['PERENNIAL_PEERS']).toBe('gateway=127.0.0.1:7000,inference=127.0.0.1:7001');
  expect(environmentOf('gateway')['PERENNIAL_REPLICA_ID']).toBeUndefined();
  expect(environmentOf('inference')['PERENNIAL_REPLICA_ID']).toBe('inference');
  // Who loads models knows the public key alone.
  expect(environmentOf('inference-3')['PERENNIAL_MODEL_KEYS_FILE']).toBe('public.pem');
  expect(Object.values(environmentOf('inference-3'))).not.toContain('private.pem');
  expect(environmentOf('inference-3')).toMatchObject({
    PERENNIAL_REPLICA_ID: 'inference-3',
    PERENNIAL_GRPC_LISTEN: '127.0.0.1:7003',
    PERENNIAL_OPS_LISTEN: '127.0.0.1:8003',
  });
});
