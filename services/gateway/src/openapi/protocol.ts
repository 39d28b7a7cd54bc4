import { httpCalls, type ProtocolCall } from '../decide/protocol-access.js';
import { type Described, json } from './describe.js';
import type { RouteOf } from './document.js';
import type { Schema } from './schema.js';

/** The routes that are answered before the control plane: predictions for people, and the Open Inference Protocol. */

const tensor: Schema = {
  type: 'object',
  properties: {
    name: { type: 'string' },
    datatype: { type: 'string' },
    shape: { type: 'array', items: { type: 'integer', minimum: 0 } },
    parameters: { type: 'object' },
    data: { type: 'array', items: {} },
  },
  required: ['name', 'datatype', 'shape'],
};

export const protocolSchemas: Readonly<Record<string, Schema>> = {
  Tensor: tensor,
  InferRequest: {
    type: 'object',
    properties: {
      id: { type: 'string' },
      parameters: { type: 'object' },
      inputs: { type: 'array', minItems: 1, items: { $ref: '#/components/schemas/Tensor' } },
      outputs: { type: 'array', items: { type: 'object' } },
    },
    required: ['inputs'],
  },
  InferAnswer: {
    type: 'object',
    properties: {
      model_name: { type: 'string' },
      model_version: { type: 'string' },
      id: { type: 'string' },
      parameters: { type: 'object' },
      outputs: { type: 'array', items: { $ref: '#/components/schemas/Tensor' } },
    },
  },
  InferenceError: { type: 'object', properties: { error: { type: 'string' } }, required: ['error'] },
};

const any = { 'application/json': { type: 'object' } };
const about = (says: string): Described => ({ says, answer: any });
const infer: Described = {
  says: 'Ask a model for answers to tensors, in JSON or with binary data after it.',
  body: { ...json('InferRequest'), 'application/octet-stream': { type: 'string', format: 'binary' } },
  answer: json('InferAnswer'),
  example: { inputs: [{ name: 'x', datatype: 'FP64', shape: [1, 1], data: [2.5] }] },
};

/** What stands after `/v2`, without version and repository, which change where one looks and not what it says. */
const says: Readonly<Record<string, string>> = {
  '': 'Name, version and extensions of the server.',
  '/health/live': 'Whether the server lives.',
  '/health/ready': 'Whether it can answer.',
  '/models': 'Names of the models.',
  '/models/stats': 'Statistics of all models.',
  '/models/:model': 'What a model takes and gives.',
  '/models/:model/ready': 'Whether it answers now.',
  '/models/:model/config': 'Its configuration.',
  '/models/:model/stats': 'Its statistics.',
  '/repository/index': 'Models and their states.',
  '/repository/models/:model/load': 'Load a model, or load it again.',
  '/repository/models/:model/unload': 'Take a model out of service until it is loaded again.',
};

function protocolRoute({ method, path, needs }: ProtocolCall): FrontRoute {
  const described = path.endsWith('/infer')
    ? infer
    : about(says[path.replace(/^\/v2|\/versions\/:version|\/:repository/g, '')] ?? '');
  return { method, path, needs, described };
}

type FrontRoute = RouteOf & { readonly described: Described };

/** With what each needs; `undefined`: answered to anybody. */
export const frontRoutes: readonly FrontRoute[] = [
  {
    method: 'POST',
    path: '/v1/systems/:system/predict',
    needs: 'predict',
    described: {
      says: 'Ask for predictions in plain rows; the platform adds the features that it keeps. Imported models too.',
      body: json('PredictRequest'),
      answer: json('Predictions'),
      headers: { 'perennial-timeout-ms': 'How long the answer may take; 10,000 by default.' },
      example: { rows: [{ date: '2014-01-01', temp_min: 3.3, wind: 2, precipitation: 0 }], explain: true },
    },
  },
  // Both forms of the first path are one.
  ...httpCalls.filter(({ path }) => path !== '/v2/').map(protocolRoute),
];
