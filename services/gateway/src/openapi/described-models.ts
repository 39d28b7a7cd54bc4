import {
  CompareShadowsResponseSchema,
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
import { type Described, file, flag, json, oneOf, whole, word } from './describe.js';
import { graphExample, graphSchema } from './graph-schema.js';

/** Models, and all that is asked of them or told about their answers. */
export const describedModels: Readonly<Record<string, Described>> = {
  'GET /v1/models': { says: 'All models that are or were served.', gives: ListServedModelsResponseSchema },
  'GET /v1/models/:model': { says: 'One model with its versions and routes.', gives: ServedModelSchema },
  'GET /v1/models/:model/versions/:version': { says: 'One version.', gives: ServedVersionSchema },
  'POST /v1/models/:model/versions': {
    says: 'Bring a model: the bytes of an ONNX file, or as JSON a graph of models that are served.',
    body: { ...file('application/octet-stream'), 'application/json': graphSchema },
    example: graphExample,
    query: { promote: flag('Whether it answers from now on; by default the first one does.') },
    gives: ImportModelResponseSchema,
    status: 201,
    served: true,
  },
  'PUT /v1/models/:model/routes': {
    says: 'Declare who answers: variants with weights, shadows, rules.',
    takes: SetRoutesRequestSchema,
    fixed: ['name'],
    gives: SetRoutesResponseSchema,
    served: true,
  },
  'PUT /v1/models/:model/serve': {
    says: 'Declare how it is served: place, capture, cache and the like.',
    body: { 'application/json': { type: 'object' } },
    gives: SetServeResponseSchema,
    served: true,
  },
  'DELETE /v1/models/:model': {
    says: 'Retire a model; its history stays.',
    gives: RetireModelResponseSchema,
    served: true,
  },
  'GET /v1/models/:model/shadows': {
    says: "How the answers of a system's shadows differ from those that were served.",
    gives: CompareShadowsResponseSchema,
  },
  'GET /v1/live/:model': {
    says: 'What was live at a moment.',
    gives: GetLiveResponseSchema,
    query: {
      at: word('When, by the clock on the wall.'),
      'data-time': word('When, by the time of the data.'),
    },
  },
  'POST /v1/systems/:system/requests': {
    says: 'Ask for predictions that are fetched later, or told to a callback.',
    body: json('SubmitRequest'),
    answer: json('Submission'),
    status: 202,
    headers: { 'idempotency-key': 'Calls with the same key are one request.' },
    example: {
      rows: [{ date: '2014-01-01', temp_min: 3.3 }],
      callback: { url: 'https://desk.example/hook' },
    },
  },
  'GET /v1/requests/:id': { says: 'Where a request stands, and its result.', answer: json('Submission') },
  'DELETE /v1/requests/:id': { says: 'Cancel a request that has not ended.', answer: json('Submission') },
  'GET /v1/requests/:id/events': {
    says: 'Server-sent events: progress, and the result at the end.',
    answer: { 'text/event-stream': { type: 'string' } },
  },
  'POST /v1/systems/:system/batches': {
    says: 'A file of rows, to be given back with their predictions.',
    body: file('text/csv', 'application/jsonl'),
    query: {
      format: oneOf('What the body is, where its content type does not say it.', 'csv', 'jsonl'),
      'errors-max': whole('How many rows may fail before the batch does; 1,000 by default.'),
      callback: word('Whom to tell when it has ended: an https address.'),
    },
    headers: { 'idempotency-key': 'Calls with the same key are one batch.' },
    answer: json('Submission'),
    status: 202,
  },
  'GET /v1/batches/:id': { says: 'Where a batch stands.', answer: json('Submission') },
  'DELETE /v1/batches/:id': { says: 'Cancel a batch that has not ended.', answer: json('Submission') },
  'GET /v1/batches/:id/events': {
    says: 'Server-sent events: progress, and the end.',
    answer: { 'text/event-stream': { type: 'string' } },
  },
  'GET /v1/batches/:id/result': {
    says: 'The rows of a completed batch with their predictions.',
    answer: file('text/csv', 'application/jsonl'),
  },
  'POST /v1/labels': {
    says: 'Tell late truths: about predictions by id, or about rows by event time and key.',
    body: json('LabelsRequest'),
    answer: json('LabelsAnswer'),
    example: { prediction_id: '0193a5c0-0000-7000-8000-000000000001', value: 11.7 },
  },
};
