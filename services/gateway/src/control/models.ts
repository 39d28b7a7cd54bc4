import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  CompareShadowsResponseSchema,
  FeatureInputSchema,
  type GetLiveRequestSchema,
  GetLiveResponseSchema,
  ImportModelResponseSchema,
  ListServedModelsResponseSchema,
  RetireModelResponseSchema,
  ServedModelSchema,
  ServedVersionSchema,
  SetRoutesRequestSchema,
  SetRoutesResponseSchema,
  SetServeResponseSchema,
} from '@perennial/contracts';
import { invalid, notFound, parseEventTime } from '@perennial/kernel';
import type { Deployments } from '../deployments.js';
import type { Peers } from '../effects/peers.js';
import { gatewayLimits } from '../limits.js';
import type { ModelImport } from './import-model.js';
import {
  askedBy,
  type ControlRequest,
  type ControlRoute,
  checkName,
  jsonOf,
  messageOf,
  type StreamRoute,
} from './route.js';

export interface ModelNeeds {
  readonly peers: Pick<Peers, 'registry' | 'monitor'>;
  readonly deployments: Deployments;
}

/** Models by name, imported ones and those of systems: what there is, who answers, how, and what was live when. */
export function modelRoutes(needs: ModelNeeds): ControlRoute[] {
  return [...lookRoutes(needs), ...changeRoutes(needs)];
}

function lookRoutes({ peers: { registry, monitor } }: ModelNeeds): ControlRoute[] {
  const find = async (request: ControlRequest) => {
    const { model } = await registry.getServedModel({ name: nameOf(request) });
    return model ?? create(ServedModelSchema);
  };
  return [
    {
      method: 'GET',
      path: '/v1/models',
      needs: 'read',
      answer: async () => jsonOf(ListServedModelsResponseSchema, await registry.listServedModels({})),
    },
    {
      method: 'GET',
      path: '/v1/models/:model',
      needs: 'read',
      answer: async (request) => jsonOf(ServedModelSchema, await find(request)),
    },
    {
      method: 'GET',
      path: '/v1/models/:model/versions/:version',
      needs: 'read',
      answer: async (request) => {
        const { name, versions } = await find(request);
        const version = versions.find((one) => String(one.version) === request.params['version']);
        if (version) return jsonOf(ServedVersionSchema, version);
        const has = versions.length ? versions.map((one) => one.version).join(', ') : 'none yet';
        throw notFound('MODEL_NOT_FOUND', `version: ${name} has no such version; it has ${has}`, {
          field: 'version',
        });
      },
    },
    {
      method: 'GET',
      path: '/v1/models/:model/shadows',
      needs: 'inspect',
      answer: async (request) =>
        jsonOf(CompareShadowsResponseSchema, await monitor.compareShadows({ system: nameOf(request) })),
    },
    {
      method: 'GET',
      path: '/v1/live/:model',
      needs: 'read',
      answer: async (request) => {
        const asked = { name: nameOf(request), moment: momentOf(request.query) };
        return jsonOf(GetLiveResponseSchema, await registry.getLive(asked));
      },
    },
  ];
}

function changeRoutes({ peers: { registry }, deployments }: ModelNeeds): ControlRoute[] {
  const served = servedBy(deployments);
  return [
    {
      method: 'PUT',
      path: '/v1/models/:model/routes',
      needs: 'approve',
      answer: async (request) => {
        const fixed = { name: nameOf(request), ...askedBy(request, 'requested_by') };
        const answer = await registry.setRoutes(messageOf(SetRoutesRequestSchema, request, fixed));
        return served(request, jsonOf(SetRoutesResponseSchema, answer), answer.epoch);
      },
    },
    {
      method: 'PUT',
      path: '/v1/models/:model/serve',
      needs: 'operate',
      answer: async (request) => {
        if (request.text.trim() === '') {
          throw invalid('BODY_INVALID', 'the body must be a JSON object of serving settings', {
            field: 'body',
          });
        }
        const asked = { name: nameOf(request), requestedBy: request.caller.name };
        const answer = await registry.setServe({ ...asked, serveJson: request.text });
        return served(request, jsonOf(SetServeResponseSchema, answer), answer.epoch);
      },
    },
    {
      method: 'DELETE',
      path: '/v1/models/:model',
      needs: 'operate',
      answer: async (request) => {
        const asked = { name: nameOf(request), requestedBy: request.caller.name };
        const answer = await registry.retireModel(asked);
        return served(request, jsonOf(RetireModelResponseSchema, answer), answer.epoch);
      },
    },
  ];
}

/** The one route whose body is a file. */
export function modelStreams(
  { deployments }: Pick<ModelNeeds, 'deployments'>,
  imports: Pick<ModelImport, 'receive'>,
): StreamRoute[] {
  const served = servedBy(deployments);
  return [
    {
      method: 'POST',
      path: '/v1/models/:model/versions',
      needs: 'operate',
      serve: async (context, request, response) => {
        const { answer, digest, inputs, outputs, whyNot } = await imports.receive(context, request);
        const shown = (all: readonly MessageInitShape<typeof FeatureInputSchema>[]) =>
          all.map((end) => jsonOf(FeatureInputSchema, create(FeatureInputSchema, end)));
        const told = {
          ...jsonOf(ImportModelResponseSchema, answer),
          digest,
          inputs: shown(inputs),
          outputs: shown(outputs),
        };
        const body = JSON.stringify(
          whyNot === undefined
            ? await served(context, told, answer.epoch)
            : { ...told, served: false, why_not: whyNot },
        );
        response.writeHead(answer.created ? 201 : 200, {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
        });
        response.end(body);
      },
    },
  ];
}

function nameOf({ params }: Pick<ControlRequest, 'params'>): string {
  return checkName('name', params['model'] ?? '');
}

/** Adds whether this gateway serves the epoch to an answer, as soon as it does, and why where a file is at fault. */
function servedBy(deployments: Deployments) {
  return async (request: Pick<ControlRequest, 'params'>, answer: object, epoch: bigint) => {
    const name = nameOf(request);
    const served = epoch > 0n && (await deployments.serves(name, epoch, gatewayLimits.switchWaitMs));
    const why = served ? undefined : deployments.whyNot(name, epoch);
    return { ...answer, served, ...(why !== undefined && { why_not: why }) };
  };
}

/**
 * By which clock, out of the query: `at` is a time, or the sequence of an event; `data-time` a time of the data.
 *
 * @throws PlatformError QUERY_INVALID, EVENT_TIME_INVALID
 */
function momentOf(
  query: ControlRequest['query'],
): NonNullable<MessageInitShape<typeof GetLiveRequestSchema>['moment']> {
  const { at, 'data-time': dataTime, ...unknown } = query;
  const [name] = Object.keys(unknown);
  if (name !== undefined) {
    throw invalid('QUERY_INVALID', `${name} is not known here; there are at and data-time`, { field: name });
  }
  if (at !== undefined && dataTime !== undefined) {
    throw invalid('QUERY_INVALID', 'at and data-time exclude each other: they are two clocks', {
      field: 'data-time',
    });
  }
  if (dataTime !== undefined) {
    return { case: 'dataTime', value: timestampFromMs(parseEventTime(dataTime, 'data-time')) };
  }
  if (at === undefined) return { case: undefined };
  if (/^\d{1,15}$/.test(at)) return { case: 'sequence', value: BigInt(at) };
  return { case: 'at', value: timestampFromMs(parseEventTime(at, 'at')) };
}
