import type { Schema } from './schema.js';

/** Schemas of what is JSON by itself and no message: predictions, labels, submissions, problems. */

const object = (properties: Record<string, Schema>, required: readonly string[] = []): Schema => ({
  type: 'object',
  properties,
  ...(required.length > 0 && { required }),
});
const text: Schema = { type: 'string' };
const number: Schema = { type: 'number' };
const count: Schema = { type: 'integer', minimum: 0 };
const time: Schema = { type: 'string', format: 'date-time' };
const scalar: Schema = { type: ['number', 'string', 'boolean'] };
const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });

const row: Schema = {
  type: 'object',
  description:
    'Columns by name; null where a value is missing. The platform adds the features that it keeps.',
  additionalProperties: { type: ['number', 'string', 'boolean', 'null'] },
};

const options = {
  explain: {
    description:
      'Say by how much each feature moved the prediction away from the usual row, or from the one given.',
    oneOf: [
      { type: 'boolean' },
      { ...object({ reference: ref('Row') }, ['reference']), additionalProperties: false },
    ],
  },
  features: {
    type: 'boolean',
    description: 'The features in effect and which came with the row. Default: true.',
  },
  decode: {
    type: 'boolean',
    description: 'The name of the class, where the deployment has some. Default: true.',
  },
} satisfies Record<string, Schema>;

const rows: Schema = { type: 'array', minItems: 1, maxItems: 1_000, items: ref('Row') };

const callback: Schema = {
  ...object(
    {
      url: { ...text, description: 'https, and public.' },
      secret: {
        ...text,
        description: '"whsec_" and base64 of 24 to 64 bytes; left out, one is made and told once.',
      },
    },
    ['url'],
  ),
  additionalProperties: false,
};

const label: Schema = {
  ...object({
    prediction_id: { ...text, description: 'As answered; then neither system, event_time nor key.' },
    ordinal: { ...count, description: 'Which row of the request, from 0.' },
    system: text,
    event_time: text,
    key: { type: 'object', additionalProperties: scalar },
    value: { ...scalar, description: "Of the system's label." },
    values: {
      type: 'object',
      additionalProperties: scalar,
      description: 'Columns by name, in place of value.',
    },
    id: { ...text, description: 'Names this statement; by default its content does.' },
  }),
  additionalProperties: false,
};

const explanation = object({
  base: { ...number, description: "The model's answer to the reference row." },
  contributions: {
    type: 'object',
    additionalProperties: number,
    description: 'With base they add up to the prediction.',
  },
  reference: ref('Row'),
  method: { type: 'string', enum: ['exact', 'sampled'] },
  evaluations: count,
});

const submission = object({
  id: text,
  kind: { type: 'string', enum: ['request', 'batch'] },
  system: text,
  state: { type: 'string', enum: ['queued', 'running', 'completed', 'failed', 'cancelled'] },
  created_at: time,
  ended_at: time,
  rows: object({ total: count, done: count, failed: count }),
  attempts: count,
  format: text,
  result_url: text,
  result: ref('Predictions'),
  error: ref('Problem'),
  callback: object({ url: text, state: text, attempts: count, error: text, secret: text }),
});

export const peopleSchemas: Readonly<Record<string, Schema>> = {
  Row: row,
  PredictRequest: {
    description: 'One row by itself, or rows and options.',
    oneOf: [
      { ...object({ rows, ...options }, ['rows']), additionalProperties: false },
      { ...row, not: { type: 'object', properties: { rows: { type: 'array' } }, required: ['rows'] } },
    ],
  },
  Prediction: object(
    {
      prediction_id: text,
      prediction: { type: ['number', 'null'], description: 'Or the probability of the positive class.' },
      label: text,
      probability: number,
      model_version: count,
      features: ref('Row'),
      provided: { type: 'array', items: text },
      explanation,
    },
    ['prediction_id', 'prediction', 'model_version'],
  ),
  Predictions: object(
    {
      predictions: { type: 'array', items: ref('Prediction') },
      unused: {
        type: 'array',
        items: { type: 'string' },
        description: 'Columns that nothing read, where there are some: mostly a misspelt name.',
      },
    },
    ['predictions'],
  ),
  SubmitRequest: {
    ...object({ rows, ...options, callback }, ['rows']),
    additionalProperties: false,
  },
  Submission: submission,
  LabelsRequest: {
    oneOf: [
      {
        ...object({ labels: { type: 'array', minItems: 1, maxItems: 1_000, items: label } }, ['labels']),
        additionalProperties: false,
      },
      label,
    ],
  },
  LabelsAnswer: object({ accepted: count }, ['accepted']),
  Problem: {
    ...object(
      {
        type: text,
        title: text,
        status: { type: 'integer' },
        detail: { ...text, description: 'What is wrong, and what to do.' },
        code: {
          ...text,
          pattern: '^[A-Z][A-Z0-9_]*$',
          description: 'Every code is explained in docs/ERRORS.md.',
        },
        field: text,
        retryAfterMs: count,
      },
      ['type', 'title', 'status', 'detail', 'code'],
    ),
    description: 'RFC 9457.',
  },
};
