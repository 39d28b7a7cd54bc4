import { createReadStream } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { ArtifactStore } from '@perennial/artifacts';
import {
  CheckLeaksResponseSchema,
  GetFeaturesRequestSchema,
  GetFeaturesResponseSchema,
  GetTrainingSetResponseSchema,
  ListDatasetsResponseSchema,
  ListLeaksResponseSchema,
  ReproduceTrainingSetResponseSchema,
} from '@perennial/contracts';
import type { Digest } from '@perennial/kernel';
import type { Peers } from '../effects/peers.js';
import { gatewayLimits } from '../limits.js';
import { type ControlRoute, jsonOf, messageOf, type StreamRoute } from './route.js';

type Featurize = Pick<Peers, 'featurize'>;

/** Features of entities, training sets, and what seems to give a label away. */
export function featureRoutes(peers: Featurize): ControlRoute[] {
  return [...entityRoutes(peers), ...trainingSetRoutes(peers), ...leakRoutes(peers)];
}

function entityRoutes({ featurize }: Featurize): ControlRoute[] {
  return [
    {
      method: 'POST',
      path: '/v1/features/:system::get',
      needs: 'predict',
      answer: async (request) => {
        const view = request.params['system'] ?? '';
        const message = messageOf(GetFeaturesRequestSchema, request, { view });
        return jsonOf(
          GetFeaturesResponseSchema,
          await featurize.getFeatures(message, { signal: request.signal }),
        );
      },
    },
  ];
}

function trainingSetRoutes({ featurize }: Featurize): ControlRoute[] {
  return [
    {
      method: 'GET',
      path: '/v1/training-sets',
      needs: 'inspect',
      answer: async ({ query }) => {
        const asked = { system: query['system'] ?? '', all: query['all'] === 'true' };
        return jsonOf(ListDatasetsResponseSchema, await featurize.listDatasets(asked));
      },
    },
    {
      method: 'GET',
      path: '/v1/training-sets/:id',
      needs: 'inspect',
      answer: async ({ params }) =>
        jsonOf(
          GetTrainingSetResponseSchema,
          await featurize.getTrainingSet({ datasetId: params['id'] ?? '' }),
        ),
    },
    {
      method: 'POST',
      path: '/v1/training-sets/:id/reproduce',
      needs: 'operate',
      answer: async ({ params, signal }) =>
        jsonOf(
          ReproduceTrainingSetResponseSchema,
          await featurize.reproduceTrainingSet(
            { datasetId: params['id'] ?? '' },
            { timeoutMs: gatewayLimits.exportTimeoutMs, signal },
          ),
        ),
    },
  ];
}

function leakRoutes({ featurize }: Featurize): ControlRoute[] {
  return [
    {
      method: 'GET',
      path: '/v1/systems/:system/leaks',
      needs: 'inspect',
      answer: async ({ params }) =>
        jsonOf(ListLeaksResponseSchema, await featurize.listLeaks({ system: params['system'] ?? '' })),
    },
    {
      method: 'POST',
      path: '/v1/systems/:system/leaks/check',
      needs: 'operate',
      answer: async ({ params, signal }) =>
        jsonOf(
          CheckLeaksResponseSchema,
          await featurize.checkLeaks(
            { system: params['system'] ?? '' },
            { timeoutMs: gatewayLimits.exportTimeoutMs, signal },
          ),
        ),
    },
  ];
}

/** Rows of a training set as a file. */
export function featureStreams(
  { featurize }: Featurize,
  artifacts: () => Promise<ArtifactStore>,
): StreamRoute[] {
  return [
    {
      method: 'GET',
      path: '/v1/training-sets/:id/rows',
      needs: 'inspect',
      serve: async ({ params, query, signal }, _request, response) => {
        const datasetId = params['id'] ?? '';
        const part = query['part'] ?? 'all';
        const options = { timeoutMs: gatewayLimits.exportTimeoutMs, signal };
        const { digest, rows } = await featurize.exportTrainingSet({ datasetId, part }, options);
        const file = await (await artifacts()).localFile(digest as Digest);
        await sendFile(response, file, {
          'content-type': 'application/vnd.apache.parquet',
          'content-disposition': `attachment; filename="${datasetId}-${part}.parquet"`,
          'perennial-rows': String(rows),
          'perennial-digest': digest,
        });
      },
    },
  ];
}

async function sendFile(
  response: ServerResponse,
  file: string,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  response.writeHead(200, headers);
  await pipeline(createReadStream(file), response);
}
