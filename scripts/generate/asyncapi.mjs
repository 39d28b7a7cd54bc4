// docs/asyncapi.json: the same for programs, as an AsyncAPI 3 document.
import {
  arrivalAddress,
  commentOf,
  eventAddress,
  eventHeaders,
  events,
  eventType,
  fieldComment,
  license,
  PredictionBatchSchema,
  parameterTexts,
  predictionAddress,
  scalarNames,
  streamOf,
  typesUsedBy,
  version,
} from './contracts.mjs';

/** JSON Schema of a scalar in ProtoJSON: 64-bit integers are strings, doubles may be "NaN" or "Infinity". */
function scalarSchema(scalar) {
  const name = scalarNames[scalar];
  if (name === 'string') return { type: 'string' };
  if (name === 'bool') return { type: 'boolean' };
  if (name === 'bytes') return { type: 'string', contentEncoding: 'base64' };
  if (name === 'double' || name === 'float') {
    return { oneOf: [{ type: 'number' }, { type: 'string', enum: ['NaN', 'Infinity', '-Infinity'] }] };
  }
  if (name.includes('64')) return { type: 'string', pattern: '^-?[0-9]+$', description: name };
  return { type: 'integer', ...(name.startsWith('u') && { minimum: 0 }) };
}

function valueSchema(field) {
  if (field.enum) return { $ref: `#/components/schemas/${field.enum.name}` };
  if (!field.message) return scalarSchema(field.scalar);
  const known = {
    'google.protobuf.Timestamp': { type: 'string', format: 'date-time' },
    'google.protobuf.Duration': { type: 'string' },
    'google.protobuf.Struct': { type: 'object' },
    'google.protobuf.Value': {},
  };
  return known[field.message.typeName] ?? { $ref: `#/components/schemas/${field.message.name}` };
}

function fieldSchema(field) {
  const description = fieldComment(field);
  const value = valueSchema(field);
  const schema =
    field.fieldKind === 'list'
      ? { type: 'array', items: value }
      : field.fieldKind === 'map'
        ? { type: 'object', additionalProperties: value }
        : value;
  if (!description) return schema;
  // Beside a $ref nothing else counts.
  return schema.$ref ? { allOf: [schema], description } : { ...schema, description };
}

function schemaOf(desc) {
  if (desc.kind === 'enum') return { type: 'string', enum: desc.values.map(({ name }) => name) };
  return {
    type: 'object',
    ...(commentOf(desc) && { description: commentOf(desc) }),
    properties: Object.fromEntries(desc.fields.map((field) => [field.jsonName, fieldSchema(field)])),
  };
}

function channel(id, address, { description, stream }) {
  const parameters = [...address.matchAll(/\{(\w+)\}/g)].map(([, name]) => [
    name,
    { description: parameterTexts[name] },
  ]);
  const { maxAgeDays, duplicateWindowMs, subjects } = streamOf(stream);
  return {
    address,
    description,
    parameters: Object.fromEntries(parameters),
    messages: { [id]: { $ref: `#/components/messages/${id}` } },
    'x-jetstream': { stream, subjects, retention: 'limits', discard: 'new', maxAgeDays, duplicateWindowMs },
  };
}

function operation(id, { summary, producer }) {
  return {
    action: 'send',
    summary,
    tags: [{ name: producer }],
    channel: { $ref: `#/channels/${id}` },
    messages: [{ $ref: `#/channels/${id}/messages/${id}` }],
  };
}

const others = {
  row: {
    address: arrivalAddress('rows'),
    stream: 'ROWS',
    producer: 'producers',
    description: 'A row as a JSON object, or several as an array or as lines.',
    payload: { type: ['object', 'array'] },
  },
  label: {
    address: arrivalAddress('labels'),
    stream: 'ROWS',
    producer: 'producers',
    description:
      'A label as a JSON object, or several as an array or as lines: the late truth about a prediction or a row.',
    payload: { type: ['object', 'array'] },
  },
  prediction: {
    address: predictionAddress,
    stream: 'PREDICTION',
    producer: 'gateway',
    description: 'A request for a prediction and its answer, whatever its status.',
    payload: { $ref: '#/components/schemas/PredictionBatch' },
  },
};

export function asyncapi() {
  const kinds = Object.entries(events);
  const rest = Object.entries(others);
  const types = typesUsedBy([...kinds.map(([, { schema }]) => schema), PredictionBatchSchema]);
  const headers = Object.values(eventHeaders).map((name) => [name, { type: 'string' }]);
  const { specversion, id, type, source, subject, time, tenant, sequence, correlationid } = eventHeaders;
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Perennial',
      version,
      description:
        'The events and messages of the platform, on NATS JetStream. CloudEvents 1.0 in binary mode.',
      license: { name: license },
    },
    defaultContentType: 'application/json',
    channels: Object.fromEntries([
      ...kinds.map(([key, event]) => [
        key,
        channel(key, eventAddress(event), { description: event.says, stream: event.stream }),
      ]),
      ...rest.map(([key, other]) => [key, channel(key, other.address, other)]),
    ]),
    operations: Object.fromEntries([
      ...kinds.map(([key, event]) => [
        `${key}Tell`,
        operation(key, { summary: event.says, producer: event.producer }),
      ]),
      ...rest.map(([key, other]) => [
        `${key}Publish`,
        operation(key, { summary: other.description, producer: other.producer }),
      ]),
    ]),
    components: {
      messages: Object.fromEntries([
        ...kinds.map(([key, event]) => [
          key,
          {
            name: eventType(event),
            title: event.name,
            summary: event.says,
            traits: [{ $ref: '#/components/messageTraits/cloudEvent' }],
            payload: { $ref: `#/components/schemas/${event.schema.name}` },
          },
        ]),
        ...rest.map(([key, { description, payload }]) => [
          key,
          { name: key, title: key, summary: description, payload },
        ]),
      ]),
      messageTraits: {
        cloudEvent: {
          headers: {
            type: 'object',
            properties: Object.fromEntries(headers),
            required: [specversion, id, type, source, subject, time, tenant, sequence, correlationid],
          },
        },
      },
      schemas: Object.fromEntries(types.map((desc) => [desc.name, schemaOf(desc)])),
    },
  };
}
