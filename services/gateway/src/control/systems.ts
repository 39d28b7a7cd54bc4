import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  AddShadowRequestSchema,
  AddShadowResponseSchema,
  ApplySystemResponseSchema,
  CancelRolloutRequestSchema,
  CancelRolloutResponseSchema,
  ExportFeaturesResponseSchema,
  GetModelResponseSchema,
  GetQualityResponseSchema,
  GetSystemResponseSchema,
  ListDatasetsResponseSchema,
  ListModelsResponseSchema,
  ListReportsResponseSchema,
  ListReviewsResponseSchema,
  ListRunsResponseSchema,
  ListSystemsResponseSchema,
  PromoteRequestSchema,
  PromoteResponseSchema,
  RemoveShadowRequestSchema,
  RemoveShadowResponseSchema,
  ResumeRequestSchema,
  ResumeResponseSchema,
  RetrainRequestSchema,
  RetrainResponseSchema,
  RollbackRequestSchema,
  RollbackResponseSchema,
} from '@perennial/contracts';
import { invalid, parseEventTime } from '@perennial/kernel';
import type { Deployments } from '../deployments.js';
import type { Peers } from '../effects/peers.js';
import { gatewayLimits } from '../limits.js';
import {
  askedBy,
  bodyObject,
  type ControlRequest,
  type ControlRoute,
  jsonOf,
  messageOf,
  numberOf,
} from './route.js';

interface Needs {
  readonly peers: Peers;
  readonly deployments: Deployments;
}

/** Systems, their models, and everything that is asked of one system. */
export function systemRoutes(needs: Needs): ControlRoute[] {
  return [...registryRoutes(needs), ...moveRoutes(needs), ...rolloutRoutes(needs), ...knowledgeRoutes(needs)];
}

function registryRoutes({ peers: { registry, ingest } }: Needs): ControlRoute[] {
  return [
    {
      method: 'POST',
      path: '/v1/systems',
      needs: 'operate',
      answer: async ({ text, query, caller }) => {
        if (text.trim() === '')
          throw invalid('BODY_INVALID', 'the body must be the text of a system.yaml', { field: 'body' });
        const dryRun = query['dry-run'] === 'true';
        // A source that is declared by a document says itself how its rows are read.
        await ingest.checkSystem({ specYaml: text });
        const answer = await registry.applySystem({ specYaml: text, dryRun, appliedBy: caller.name });
        return jsonOf(ApplySystemResponseSchema, answer);
      },
    },
    {
      method: 'GET',
      path: '/v1/systems',
      needs: 'read',
      answer: async () => jsonOf(ListSystemsResponseSchema, await registry.listSystems({})),
    },
    {
      method: 'GET',
      path: '/v1/systems/:system',
      needs: 'read',
      answer: async ({ params }) =>
        jsonOf(GetSystemResponseSchema, await registry.getSystem({ system: params['system'] ?? '' })),
    },
    {
      method: 'GET',
      path: '/v1/systems/:system/models',
      needs: 'read',
      answer: async ({ params }) =>
        jsonOf(ListModelsResponseSchema, await registry.listModels({ system: params['system'] ?? '' })),
    },
    {
      method: 'GET',
      path: '/v1/systems/:system/models/:reference',
      needs: 'read',
      answer: async ({ params }) =>
        jsonOf(
          GetModelResponseSchema,
          await registry.getModel({ system: params['system'] ?? '', reference: params['reference'] ?? '' }),
        ),
    },
  ];
}

const asked = (request: ControlRequest) => ({
  system: request.params['system'] ?? '',
  ...askedBy(request, 'requested_by'),
});

/** Adds whether this gateway serves the epoch to an answer, as soon as it does. */
function servedBy(deployments: Deployments) {
  return async (request: ControlRequest, answer: object, epoch: bigint) => ({
    ...answer,
    served: await deployments.serves(request.params['system'] ?? '', epoch, gatewayLimits.switchWaitMs),
  });
}

/** What changes the deployment answers when this gateway serves the change, so that the next request meets it. */
function moveRoutes({ peers: { registry }, deployments }: Needs): ControlRoute[] {
  const served = servedBy(deployments);
  return [
    {
      method: 'POST',
      path: '/v1/systems/:system/rollback',
      needs: 'operate',
      answer: async (request) => {
        const answer = await registry.rollback(messageOf(RollbackRequestSchema, request, asked(request)));
        return served(request, jsonOf(RollbackResponseSchema, answer), answer.epoch);
      },
    },
    {
      method: 'POST',
      path: '/v1/systems/:system/promote',
      needs: 'approve',
      answer: async (request) => {
        const message = messageOf(PromoteRequestSchema, request, asked(request), ['reference']);
        const answer = await registry.promote(message);
        return served(request, jsonOf(PromoteResponseSchema, answer), answer.epoch);
      },
    },
    {
      method: 'POST',
      path: '/v1/systems/:system/shadows',
      needs: 'operate',
      answer: async (request) => {
        const message = messageOf(AddShadowRequestSchema, request, asked(request), ['reference']);
        const answer = await registry.addShadow(message);
        return served(request, jsonOf(AddShadowResponseSchema, answer), answer.epoch);
      },
    },
    {
      method: 'DELETE',
      path: '/v1/systems/:system/shadows',
      needs: 'operate',
      answer: async (request) => {
        const message = messageOf(RemoveShadowRequestSchema, request, asked(request), ['reference']);
        const answer = await registry.removeShadow(message);
        return served(request, jsonOf(RemoveShadowResponseSchema, answer), answer.epoch);
      },
    },
  ];
}

/** Rollouts by hand. */
function rolloutRoutes({ peers: { registry }, deployments }: Needs): ControlRoute[] {
  const served = servedBy(deployments);
  return [
    {
      method: 'POST',
      path: '/v1/systems/:system/resume',
      needs: 'approve',
      answer: async (request) => {
        const answer = await registry.resume(messageOf(ResumeRequestSchema, request, asked(request)));
        return served(request, jsonOf(ResumeResponseSchema, answer), answer.epoch);
      },
    },
    {
      method: 'POST',
      path: '/v1/systems/:system/retrain',
      needs: 'operate',
      answer: async (request) =>
        jsonOf(
          RetrainResponseSchema,
          await registry.retrain(messageOf(RetrainRequestSchema, request, asked(request))),
        ),
    },
    {
      method: 'DELETE',
      path: '/v1/systems/:system/rollout',
      needs: 'operate',
      answer: async (request) => {
        const message = messageOf(CancelRolloutRequestSchema, request, asked(request));
        const answer = await registry.cancelRollout(message);
        return served(request, jsonOf(CancelRolloutResponseSchema, answer), answer.epoch);
      },
    },
  ];
}

/** What the other services know of a system. */
function knowledgeRoutes({ peers: { trainer, featurize, monitor } }: Needs): ControlRoute[] {
  const ofSystem = (path: string, answer: (system: string, request: ControlRequest) => Promise<unknown>) =>
    ({
      method: 'GET',
      path: `/v1/systems/:system/${path}`,
      needs: 'inspect',
      answer: (request) => answer(request.params['system'] ?? '', request),
    }) satisfies ControlRoute;
  return [
    ofSystem('runs', async (system) => jsonOf(ListRunsResponseSchema, await trainer.listRuns({ system }))),
    ofSystem('datasets', async (system) =>
      jsonOf(ListDatasetsResponseSchema, await featurize.listDatasets({ system })),
    ),
    ofSystem('quality', async (system) =>
      jsonOf(GetQualityResponseSchema, await monitor.getQuality({ system })),
    ),
    ofSystem('reports', async (system, { query }) =>
      jsonOf(
        ListReportsResponseSchema,
        await monitor.listReports({ system, limit: numberOf(query, 'limit', { fallback: 50, max: 1_000 }) }),
      ),
    ),
    ofSystem('reviews', async (system) =>
      jsonOf(ListReviewsResponseSchema, await monitor.listReviews({ system })),
    ),
    {
      method: 'POST',
      path: '/v1/systems/:system/features/export',
      needs: 'operate',
      answer: async ({ params, text, signal }) => {
        const body = bodyObject(text);
        const answer = await featurize.exportFeatures(
          {
            system: params['system'] ?? '',
            from: timestampFromMs(parseEventTime(body['from'], 'from')),
            to: timestampFromMs(parseEventTime(body['to'], 'to')),
          },
          { timeoutMs: gatewayLimits.exportTimeoutMs, signal },
        );
        return jsonOf(ExportFeaturesResponseSchema, answer);
      },
    },
  ];
}
