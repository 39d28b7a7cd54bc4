import { create } from '@bufbuild/protobuf';
import { DeploymentUpdatedSchema, LoadedModelSchema } from '@perennial/contracts';
import { expect, test } from 'vitest';
import { statisticsOf } from '../../src/protocol/statistics.js';

test('requests that failed are told beside those that were answered, over all places', () => {
  const deployment = create(DeploymentUpdatedSchema, {
    deployment: 'heat',
    routes: [{ version: 1, digest: 'd' }],
  });
  const place = (requests: bigint, failures: bigint) => ({
    models: [create(LoadedModelSchema, { digest: 'd', requests, failures, queueNs: 5n, computeNs: 10n })],
  });
  const [told] = statisticsOf(deployment, '', [place(3n, 2n), place(1n, 4n)]);
  expect(told?.inference_stats).toMatchObject({
    success: { count: 4, ns: 30 },
    fail: { count: 6 },
    queue: { count: 4, ns: 10 },
  });
});
