import {
  AddProducerRequestSchema,
  AddProducerResponseSchema,
  AddShadowRequestSchema,
  AddShadowResponseSchema,
  ApplySourceResponseSchema,
  ApplySystemResponseSchema,
  CancelRolloutRequestSchema,
  CancelRolloutResponseSchema,
  CreateApiKeyRequestSchema,
  DecideDeadLetterRequestSchema,
  ExportFeaturesResponseSchema,
  GetCheckpointResponseSchema,
  GetLineageResponseSchema,
  GetModelResponseSchema,
  GetProofResponseSchema,
  GetQualityResponseSchema,
  GetSchemaResponseSchema,
  GetSourceResponseSchema,
  GetSystemResponseSchema,
  ListApiKeysResponseSchema,
  ListDatasetsResponseSchema,
  ListDeliveriesResponseSchema,
  ListEventsResponseSchema,
  ListModelsResponseSchema,
  ListProducersResponseSchema,
  ListReportsResponseSchema,
  ListReviewsResponseSchema,
  ListRunsResponseSchema,
  ListSourcesResponseSchema,
  ListSystemsResponseSchema,
  PromoteRequestSchema,
  PromoteResponseSchema,
  PublishRowsResponseSchema,
  RemoveShadowRequestSchema,
  RemoveShadowResponseSchema,
  ResumeRequestSchema,
  ResumeResponseSchema,
  RetrainRequestSchema,
  RetrainResponseSchema,
  RollbackRequestSchema,
  RollbackResponseSchema,
  RotateApiKeyRequestSchema,
  VerifyResponseSchema,
  WhyResponseSchema,
} from '@perennial/contracts';
import { formats } from '../decide/arrival-form.js';
import { type Described, file, flag, oneOf, whole, word } from './describe.js';
import { describedDatasets } from './described-datasets.js';
import { describedFeatures } from './described-features.js';
import { describedModels } from './described-models.js';
import { describedQuarantine } from './described-quarantine.js';
import { describedSchemas } from './described-schemas.js';

const system = ['system'];
const fileForms = [
  'text/csv',
  'application/jsonl',
  'application/json',
  'application/vnd.apache.parquet',
  'application/vnd.apache.arrow.stream',
  'application/cloudevents+json',
  'application/cloudevents-batch+json',
];
const arrivalQuery = {
  format: oneOf('What the body is, where its content type does not say it.', ...formats),
  producer: word('Who sends; by default whose token it is.'),
  'row-id': word('Of JSON: the column with the id of each row.'),
  way: oneOf('How the rows are counted: http when left out.', 'http', 'files'),
};
const subject = { subject: word('For example "model seattle-temperature@champion".') };
const limit = { limit: whole('How many at most.') };

/** Every route by "METHOD path". One that is not here is in the document with its path alone. */
export const described: Readonly<Record<string, Described>> = {
  ...describedModels,
  ...describedDatasets,
  ...describedFeatures,
  ...describedQuarantine,
  ...describedSchemas,
  'POST /v1/systems': {
    says: 'Make a system.yaml so, or say what would change.',
    body: { 'application/yaml': { type: 'string' } },
    query: { 'dry-run': flag('Only say what would change.') },
    gives: ApplySystemResponseSchema,
  },
  'GET /v1/systems': { says: 'All systems.', gives: ListSystemsResponseSchema },
  'GET /v1/systems/:system': { says: 'One system.', gives: GetSystemResponseSchema },
  'GET /v1/systems/:system/models': { says: 'Its model versions.', gives: ListModelsResponseSchema },
  'GET /v1/systems/:system/models/:reference': {
    says: 'One version, by number or alias, with its manifest.',
    gives: GetModelResponseSchema,
  },
  'GET /v1/systems/:system/watermark': {
    says: 'Where the data stands; waits until it has got there and nothing is in hand anywhere.',
    query: {
      wait: whole('How long to wait, in ms.'),
      rows: word('Event time that rows must have reached.'),
      labels: word('Event time that labels must have reached.'),
    },
  },
  'POST /v1/systems/:system/rollback': {
    says: 'Put the previous champion back and hold promotions.',
    takes: RollbackRequestSchema,
    fixed: system,
    gives: RollbackResponseSchema,
    served: true,
  },
  'POST /v1/systems/:system/promote': {
    says: 'Make a version the champion.',
    takes: PromoteRequestSchema,
    fixed: system,
    gives: PromoteResponseSchema,
    served: true,
  },
  'POST /v1/systems/:system/resume': {
    says: 'Let promotions go on after a rollback.',
    takes: ResumeRequestSchema,
    fixed: system,
    gives: ResumeResponseSchema,
    served: true,
  },
  'POST /v1/systems/:system/shadows': {
    says: 'Let a version answer beside the champion, never served.',
    takes: AddShadowRequestSchema,
    fixed: system,
    gives: AddShadowResponseSchema,
    served: true,
  },
  'DELETE /v1/systems/:system/shadows': {
    says: 'End a standing shadow.',
    takes: RemoveShadowRequestSchema,
    fixed: system,
    gives: RemoveShadowResponseSchema,
    served: true,
  },
  'POST /v1/systems/:system/retrain': {
    says: 'Begin a rollout by hand.',
    takes: RetrainRequestSchema,
    fixed: system,
    gives: RetrainResponseSchema,
  },
  'DELETE /v1/systems/:system/rollout': {
    says: 'End the rollout in flight; the champion stays.',
    takes: CancelRolloutRequestSchema,
    fixed: system,
    gives: CancelRolloutResponseSchema,
    served: true,
  },
  'GET /v1/systems/:system/runs': { says: 'Training runs.', gives: ListRunsResponseSchema },
  'GET /v1/systems/:system/datasets': { says: 'Training sets.', gives: ListDatasetsResponseSchema },
  'GET /v1/systems/:system/quality': { says: 'The error by month.', gives: GetQualityResponseSchema },
  'GET /v1/systems/:system/reports': {
    says: 'Drift reports.',
    gives: ListReportsResponseSchema,
    query: limit,
  },
  'GET /v1/systems/:system/reviews': { says: 'Reviews.', gives: ListReviewsResponseSchema },
  'POST /v1/systems/:system/features/export': {
    says: 'Features of a span of event time, as an artifact.',
    body: {
      'application/json': {
        type: 'object',
        properties: { from: { type: 'string' }, to: { type: 'string' } },
        required: ['from', 'to'],
      },
    },
    gives: ExportFeaturesResponseSchema,
  },
  'POST /v1/sources/:source/rows': {
    says: 'Send rows; 200 means durable.',
    body: file(...fileForms),
    query: arrivalQuery,
    gives: PublishRowsResponseSchema,
  },
  'POST /v1/sources/:source/labels': {
    says: 'Send labels; 200 means durable.',
    body: file(...fileForms),
    query: arrivalQuery,
    gives: PublishRowsResponseSchema,
  },
  'GET /v1/sources': { says: 'Sources.', gives: ListSourcesResponseSchema },
  'POST /v1/sources': {
    says: 'Declare a source by its document, or say what would change.',
    body: { 'application/yaml': { type: 'string' } },
    query: { 'dry-run': flag('Change nothing.') },
    gives: ApplySourceResponseSchema,
  },
  'GET /v1/sources/:source': { says: 'A source with its document.', gives: GetSourceResponseSchema },
  'GET /v1/sources/:source/schema': {
    says: 'What a source is expected to look like.',
    gives: GetSchemaResponseSchema,
    query: { kind: oneOf('Rows by default.', 'rows', 'labels') },
  },
  'GET /v1/producers': {
    says: 'Who may publish on the bus.',
    gives: ListProducersResponseSchema,
    query: { source: word('Of one source.') },
  },
  'GET /v1/deliveries': {
    says: 'What producers sent, by the hour of arrival, newest first.',
    gives: ListDeliveriesResponseSchema,
    query: {
      ...limit,
      source: word('Of one source.'),
      producer: word('Of one producer.'),
      since: word('Arrived at this time or later; a week ago when left out.'),
    },
  },
  'POST /v1/producers': {
    says: 'Make a producer; its credential is told once.',
    takes: AddProducerRequestSchema,
    gives: AddProducerResponseSchema,
  },
  'GET /v1/audit/verify': { says: 'Check the whole log.', gives: VerifyResponseSchema },
  'GET /v1/audit/checkpoint': { says: 'The log in one line.', gives: GetCheckpointResponseSchema },
  'GET /v1/audit/proof/:eventId': {
    says: 'Proof that an event is in the log.',
    gives: GetProofResponseSchema,
  },
  'GET /v1/audit/events': {
    says: 'Events of the log.',
    gives: ListEventsResponseSchema,
    query: {
      ...limit,
      after_index: whole('Those after this index; by default the last ones.'),
      type_prefix: word('Of types that begin so.'),
      subject_contains: word('Of subjects that hold this.'),
    },
  },
  'GET /v1/why': { says: 'Why something is as it is.', gives: WhyResponseSchema, query: subject },
  'GET /v1/lineage': { says: 'What something came from.', gives: GetLineageResponseSchema, query: subject },
  'GET /v1/events': {
    says: 'Server-sent events of the platform.',
    answer: { 'text/event-stream': { type: 'string' } },
    query: { follow: flag('New ones as they come, in place of the last ones.'), ...limit },
  },
  'GET /v1/keys': { says: 'API keys, without their secrets.', gives: ListApiKeysResponseSchema },
  'POST /v1/keys': {
    says: 'Make an API key; its secret is told once.',
    takes: CreateApiKeyRequestSchema,
    fixed: ['key_id', 'sha256', 'requested_by'],
    status: 201,
  },
  'POST /v1/keys/:id/rotate': {
    says: 'Give a key a new secret; the one before stays good for a while.',
    takes: RotateApiKeyRequestSchema,
    fixed: ['key_id', 'sha256', 'requested_by'],
  },
  'DELETE /v1/keys/:id': { says: 'End a key at once.' },
  'GET /v1/status': { says: 'How the services do.' },
  'GET /v1/dead-letters': {
    says: 'Messages that nobody could handle.',
    query: { all: flag('Also those that were decided.') },
  },
  'POST /v1/dead-letters/:service/:id': {
    says: 'Handle a parked message again, or discard it.',
    takes: DecideDeadLetterRequestSchema,
    fixed: ['dead_letter_id', 'decided_by'],
  },
};
