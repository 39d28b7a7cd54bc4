import type { JsonObject } from '@bufbuild/protobuf';
import type { FeatureInput } from '@perennial/contracts';
import type { Serving } from '../deployments.js';
import { type OpenApiDocument, operationId } from './document.js';
import type { Schema } from './schema.js';

/** A served model, and a row that it could be asked about. */
export interface DescribedModel {
  readonly name: string;
  readonly serving: Serving;
  /** The usual row of its training, where that is known. */
  readonly usual: JsonObject | undefined;
}

/** The document with each model's own paths before all others: what it takes by name and type, and an example to try. */
export function withModels(document: OpenApiDocument, models: readonly DescribedModel[]): OpenApiDocument {
  const paths: OpenApiDocument['paths'] = {};
  for (const model of models) {
    paths[`/v1/systems/${model.name}/predict`] = { post: predictOf(document, model) };
    paths[`/v2/models/${model.name}/infer`] = { post: inferOf(document, model) };
  }
  return { ...document, paths: { ...paths, ...document.paths } };
}

function predictOf(document: OpenApiDocument, { name, serving, usual }: DescribedModel): Schema {
  const { inputs, specJson } = serving.deployment;
  const { time, key } = serving.source;
  const columns: Record<string, Schema> = {
    ...(time !== '' && { [time]: { type: ['string', 'number'], description: 'Event time.' } }),
    ...Object.fromEntries(key.map((column) => [column, { type: ['string', 'number'], description: 'Key.' }])),
    ...Object.fromEntries(inputs.map((input) => [input.name, columnOf(input)])),
  };
  // A system's features may come from what the platform keeps; a model that was brought has nothing but its inputs.
  const required = specJson === '' ? inputs.map((input) => input.name) : [];
  const row = { type: 'object', properties: columns, ...(required.length > 0 && { required }) };
  const example = {
    ...(time !== '' && { [time]: '2024-01-01T00:00:00Z' }),
    ...Object.fromEntries(key.map((column) => [column, 'a'])),
    ...Object.fromEntries(inputs.map((input) => [input.name, usual?.[input.name] ?? sample(input)])),
  };
  return own(document, '/v1/systems/{system}/predict', {
    operationId: operationId('POST', `/v1/systems/${name}/predict`),
    summary: `Ask ${name} for predictions.`,
    tags: [name],
    content: {
      schema: {
        type: 'object',
        properties: {
          rows: { type: 'array', minItems: 1, maxItems: 1_000, items: row },
          explain: { type: 'boolean' },
          features: { type: 'boolean' },
          decode: { type: 'boolean' },
        },
        required: ['rows'],
      },
      example: { rows: [example] },
    },
  });
}

function inferOf(document: OpenApiDocument, { name, serving, usual }: DescribedModel): Schema {
  const { inputs } = serving.deployment;
  const tensors = inputs.map((input) => {
    const shape = shapeOf(input);
    const count = shape.reduce((product, size) => product * size, 1);
    const value = shape.length === 2 && count === 1 ? (usual?.[input.name] ?? sample(input)) : sample(input);
    return {
      name: input.name,
      datatype: input.datatype,
      shape,
      data: Array(Math.min(count, 64)).fill(value),
    };
  });
  return own(document, '/v2/models/{model}/infer', {
    operationId: operationId('POST', `/v2/models/${name}/infer`),
    summary: `Ask ${name} for answers to tensors.`,
    tags: [name],
    content: { schema: { $ref: '#/components/schemas/InferRequest' }, example: { inputs: tensors } },
  });
}

/** As the route of all models, with this one's own body. */
function own(
  document: OpenApiDocument,
  path: string,
  { content, ...rest }: { content: Schema } & Record<string, unknown>,
): Schema {
  const route = document.paths[path]?.['post'] ?? {};
  const { parameters = [], ...generic } = route as { parameters?: { in: string }[] };
  return {
    ...generic,
    ...rest,
    parameters: parameters.filter((parameter) => parameter.in !== 'path'),
    requestBody: { required: true, content: { 'application/json': content } },
  };
}

function columnOf({ datatype }: FeatureInput): Schema {
  if (datatype === 'BYTES') return { type: ['string', 'null'] };
  return datatype === 'BOOL' ? { type: ['boolean', 'number', 'null'] } : { type: ['number', 'null'] };
}

/** One row, and one of whatever else has no size of its own. */
function shapeOf({ shape }: FeatureInput): number[] {
  return shape.length === 0 ? [1, 1] : shape.map((size) => (size < 0n ? 1 : Number(size)));
}

function sample({ datatype }: FeatureInput): number | string | boolean {
  if (datatype === 'BYTES') return 'a';
  return datatype === 'BOOL' ? true : 0;
}
