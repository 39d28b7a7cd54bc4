import type { DescMessage } from '@bufbuild/protobuf';
import * as access from './gen/perennial/v1/access_events_pb.js';
import * as data from './gen/perennial/v1/data_events_pb.js';
import * as model from './gen/perennial/v1/model_events_pb.js';
import * as monitor from './gen/perennial/v1/monitor_events_pb.js';
import * as training from './gen/perennial/v1/training_events_pb.js';

/** The streams that carry domain events; libs/bus defines them. */
export type EventStream = 'DATA' | 'TRAINING' | 'MODEL' | 'MONITOR';

/** One kind of domain event: what it is called, what it carries, who tells it. */
export interface EventKind<Desc extends DescMessage = DescMessage> {
  /** CloudEvents type without major: `io.perennial.<aggregate>.<past-verb>`. */
  readonly name: `${string}.${string}`;
  readonly aggregate: string;
  readonly verb: string;
  readonly major: number;
  readonly stream: EventStream;
  readonly producer: string;
  readonly schema: Desc;
  /** One sentence for docs/events.md. */
  readonly says: string;
}

function kind<Desc extends DescMessage>(
  stream: EventStream,
  producer: string,
  name: `${string}.${string}`,
  schema: Desc,
  says: string,
): EventKind<Desc> {
  const [aggregate, verb] = name.split('.') as [string, string];
  return { name, aggregate, verb, major: 1, stream, producer, schema, says };
}

/** Every domain event there is. A consumer subscribes to one of these; nothing else has a subject. */
export const events = {
  sourceProducerAdded: kind(
    'DATA',
    'ingest',
    'source.producer-added',
    data.SourceProducerAddedSchema,
    'A producer got a credential for a source.',
  ),
  sourceDeclared: kind(
    'DATA',
    'ingest',
    'source.declared',
    data.SourceDeclaredSchema,
    'How the rows of a source are read was declared, or changed.',
  ),
  segmentRecorded: kind(
    'DATA',
    'ingest',
    'segment.recorded',
    data.SegmentRecordedSchema,
    'Rows of one producer are durable, not yet verified.',
  ),
  segmentVerified: kind(
    'DATA',
    'validate',
    'segment.verified',
    data.SegmentVerifiedSchema,
    'Rows passed verification and may be used.',
  ),
  segmentQuarantined: kind(
    'DATA',
    'validate',
    'segment.quarantined',
    data.SegmentQuarantinedSchema,
    'Rows were held back, with the reasons.',
  ),
  segmentRepaired: kind(
    'DATA',
    'validate',
    'segment.repaired',
    data.SegmentRepairedSchema,
    'Held rows were repaired by an expression and let through.',
  ),
  segmentDiscarded: kind(
    'DATA',
    'validate',
    'segment.discarded',
    data.SegmentDiscardedSchema,
    'Somebody decided that held rows will never come back.',
  ),
  anomalyFound: kind(
    'DATA',
    'validate',
    'anomaly.found',
    data.AnomalyFoundSchema,
    'Something is odd about rows as a set.',
  ),
  schemaAccepted: kind(
    'DATA',
    'validate',
    'schema.accepted',
    data.SchemaAcceptedSchema,
    'The expectations of a source changed.',
  ),
  schemaProposed: kind(
    'DATA',
    'validate',
    'schema.proposed',
    data.SchemaProposedSchema,
    'What came implies another schema than the one in force; somebody should look at it.',
  ),
  featureViewDefined: kind(
    'DATA',
    'featurize',
    'feature-view.defined',
    data.FeatureViewDefinedSchema,
    'The features of a system, as applied.',
  ),
  datasetMaterialized: kind(
    'DATA',
    'featurize',
    'dataset.materialized',
    data.DatasetMaterializedSchema,
    'A training set and its hold-out lie ready.',
  ),
  datasetRefused: kind(
    'DATA',
    'featurize',
    'dataset.refused',
    data.DatasetRefusedSchema,
    'A training set could not be made.',
  ),
  datasetVersioned: kind(
    'DATA',
    'ingest',
    'dataset.versioned',
    data.DatasetVersionedSchema,
    'The verified rows of a source have a further version.',
  ),
  segmentsCompacted: kind(
    'DATA',
    'ingest',
    'segments.compacted',
    data.SegmentsCompactedSchema,
    'Many small files became one with the same rows in the same order.',
  ),
  dataErased: kind(
    'DATA',
    'ingest',
    'data.erased',
    data.DataErasedSchema,
    'What belonged to one key was taken out of everything that is kept.',
  ),
  leakSuspected: kind(
    'DATA',
    'featurize',
    'leak.suspected',
    data.LeakSuspectedSchema,
    'Features of a training set seem to give its label away.',
  ),
  trainingRunStarted: kind(
    'TRAINING',
    'trainer',
    'training-run.started',
    training.TrainingRunStartedSchema,
    'A run took its place on a pool.',
  ),
  trainingRunCompleted: kind(
    'TRAINING',
    'trainer',
    'training-run.completed',
    training.TrainingRunCompletedSchema,
    'A run ended with a checked model file.',
  ),
  trainingRunFailed: kind(
    'TRAINING',
    'trainer',
    'training-run.failed',
    training.TrainingRunFailedSchema,
    'A run ended without a model.',
  ),
  evaluationCompleted: kind(
    'TRAINING',
    'trainer',
    'evaluation.completed',
    training.EvaluationCompletedSchema,
    'Candidate, champion and baselines were judged on the same held-out rows.',
  ),
  systemApplied: kind(
    'MODEL',
    'registry',
    'system.applied',
    model.SystemAppliedSchema,
    'A system.yaml was made so.',
  ),
  rolloutRequested: kind(
    'MODEL',
    'registry',
    'rollout.requested',
    model.RolloutRequestedSchema,
    'Train, evaluate, test and deploy was asked for.',
  ),
  rolloutAdvanced: kind(
    'MODEL',
    'registry',
    'rollout.advanced',
    model.RolloutAdvancedSchema,
    'A rollout moved on, or ended.',
  ),
  modelRegistered: kind(
    'MODEL',
    'registry',
    'model.registered',
    model.ModelRegisteredSchema,
    'A model version exists.',
  ),
  modelTested: kind(
    'MODEL',
    'registry',
    'model.tested',
    model.ModelTestedSchema,
    'A model version was tried in the inference service.',
  ),
  modelPromoted: kind('MODEL', 'registry', 'model.promoted', model.ModelPromotedSchema, 'An alias moved.'),
  deploymentUpdated: kind(
    'MODEL',
    'registry',
    'deployment.updated',
    model.DeploymentUpdatedSchema,
    'What is served, whole; a later epoch replaces an earlier one.',
  ),
  reviewConcluded: kind(
    'MODEL',
    'monitor',
    'review.concluded',
    model.ReviewConcludedSchema,
    'The data behind a decay was reviewed.',
  ),
  apiKeyUpdated: kind(
    'MODEL',
    'registry',
    'api-key.updated',
    access.ApiKeyUpdatedSchema,
    'Who may come in with an API key, whole; a later epoch replaces an earlier one.',
  ),
  driftReportRecorded: kind(
    'MONITOR',
    'monitor',
    'drift-report.recorded',
    monitor.DriftReportRecordedSchema,
    'A window of predictions was compared with the reference.',
  ),
  rewardRecorded: kind(
    'MONITOR',
    'monitor',
    'reward.recorded',
    monitor.RewardRecordedSchema,
    'Labels say what the variants of a system earned.',
  ),
  alertRaised: kind('MONITOR', 'monitor', 'alert.raised', monitor.AlertRaisedSchema, 'Somebody should look.'),
  deadLetterRecorded: kind(
    'MONITOR',
    'every service',
    'dead-letter.recorded',
    monitor.DeadLetterRecordedSchema,
    'A message was parked; its neighbours went on.',
  ),
  deadLetterDecided: kind(
    'MONITOR',
    'every service',
    'dead-letter.decided',
    monitor.DeadLetterDecidedSchema,
    'An operator decided about a parked message.',
  ),
} as const satisfies Record<string, EventKind>;

/** `io.perennial.segment.recorded.v1` */
export function eventType(event: EventKind): string {
  return `io.perennial.${event.name}.v${event.major}`;
}

const byType = new Map<string, EventKind>(Object.values(events).map((event) => [eventType(event), event]));

/** The kind with this CloudEvents type, or undefined for a type of a later release. */
export function eventKindOf(type: string): EventKind | undefined {
  return byType.get(type);
}
