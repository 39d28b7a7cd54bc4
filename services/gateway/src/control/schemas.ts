import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  AcceptSchemaRequestSchema,
  AcceptSchemaResponseSchema,
  CheckSchemaRequestSchema,
  GetProfileResponseSchema,
  GetSchemaVersionResponseSchema,
  ListSchemaVersionsResponseSchema,
  type SchemaDifference,
  SchemaDifferenceSchema,
  type SchemaOf,
  SchemaOfSchema,
  type SchemaProposal,
  SchemaProposalSchema,
} from '@perennial/contracts';
import { parseEventTime } from '@perennial/kernel';
import type { Peers } from '../effects/peers.js';
import { gatewayLimits } from '../limits.js';
import {
  askedBy,
  type ControlRequest,
  type ControlRoute,
  jsonOf,
  kindIn,
  messageOf,
  numberOf,
} from './route.js';

type Schemas = Pick<Peers, 'schemas'>;
type Asked = Pick<ControlRequest, 'params' | 'query'>;

const versionMax = 2 ** 31 - 1;
const versionsMax = 1_000;

/** What a source's rows are expected to be, by version; what is proposed; and what its verified rows look like. */
export function schemaRoutes(peers: Schemas): ControlRoute[] {
  return [...versionRoutes(peers), ...proposalRoutes(peers), ...profileRoutes(peers)];
}

function versionRoutes({ schemas }: Schemas): ControlRoute[] {
  return [
    {
      method: 'GET',
      path: '/v1/sources/:source/schema/versions',
      needs: 'inspect',
      answer: async (request) =>
        jsonOf(
          ListSchemaVersionsResponseSchema,
          await schemas.listSchemaVersions({
            of: ofRequest(request),
            beforeVersion: numberOf(request.query, 'before', { fallback: 0, max: versionMax }),
            limit: numberOf(request.query, 'limit', { fallback: 0, max: versionsMax }),
          }),
        ),
    },
    {
      method: 'GET',
      path: '/v1/sources/:source/schema/version',
      needs: 'inspect',
      answer: async (request) =>
        jsonOf(
          GetSchemaVersionResponseSchema,
          await schemas.getSchemaVersion({
            of: ofRequest(request),
            version: numberOf(request.query, 'version', { fallback: 0, max: versionMax }),
          }),
        ),
    },
    {
      method: 'GET',
      path: '/v1/sources/:source/schema/diff',
      needs: 'inspect',
      answer: async (request) =>
        differenceOf(
          await schemas.diffSchemas({
            of: ofRequest(request),
            fromVersion: numberOf(request.query, 'from', { fallback: 0, max: versionMax }),
            toVersion: numberOf(request.query, 'to', { fallback: 0, max: versionMax }),
          }),
        ),
    },
  ];
}

function proposalRoutes({ schemas }: Schemas): ControlRoute[] {
  const patient = (request: ControlRequest) => ({
    timeoutMs: gatewayLimits.exportTimeoutMs,
    signal: request.signal,
  });
  return [
    {
      method: 'GET',
      path: '/v1/sources/:source/schema/proposal',
      needs: 'inspect',
      answer: async (request) => proposalOf(await schemas.getProposal({ of: ofRequest(request) })),
    },
    {
      method: 'POST',
      path: '/v1/sources/:source/schema/proposal',
      needs: 'operate',
      answer: async (request) =>
        proposalOf(await schemas.proposeSchema({ of: ofRequest(request) }, patient(request))),
    },
    {
      method: 'POST',
      path: '/v1/sources/:source/schema/check',
      needs: 'operate',
      answer: async (request) => {
        const message = messageOf(CheckSchemaRequestSchema, request, {}, ['schema']);
        message.of = ofRequest(request);
        return differenceOf(await schemas.checkSchema(message));
      },
    },
    {
      method: 'POST',
      path: '/v1/sources/:source/schema',
      needs: 'operate',
      answer: async (request) => {
        const message = messageOf(AcceptSchemaRequestSchema, request, askedBy(request, 'accepted_by'));
        message.of = ofRequest(request);
        return jsonOf(AcceptSchemaResponseSchema, await schemas.acceptSchema(message, patient(request)));
      },
    },
  ];
}

function profileRoutes({ schemas }: Schemas): ControlRoute[] {
  return [
    {
      method: 'GET',
      path: '/v1/sources/:source/profile',
      needs: 'inspect',
      answer: async (request) => {
        const [from, to] = [timeOf(request, 'from'), timeOf(request, 'to')];
        const asked = { of: ofRequest(request), ...(from && { from }), ...(to && { to }) };
        return jsonOf(GetProfileResponseSchema, await schemas.getProfile(asked));
      },
    },
  ];
}

function proposalOf({ proposal }: { proposal?: SchemaProposal | undefined }) {
  return jsonOf(SchemaProposalSchema, proposal ?? create(SchemaProposalSchema));
}

function differenceOf({ difference }: { difference?: SchemaDifference | undefined }) {
  return jsonOf(SchemaDifferenceSchema, difference ?? create(SchemaDifferenceSchema));
}

function timeOf({ query }: Asked, name: 'from' | 'to') {
  const text = query[name];
  return text ? timestampFromMs(parseEventTime(text, name)) : undefined;
}

function ofRequest({ params, query }: Asked): SchemaOf {
  return create(SchemaOfSchema, { source: params['source'] ?? '', kind: kindIn(query) });
}
