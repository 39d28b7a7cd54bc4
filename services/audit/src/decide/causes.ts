import type { Entry } from './entry.js';
import { modelThing } from './mentions.js';

/** Where the cause of an event is to be looked for. */
export type CauseRule =
  | { readonly by: 'event'; readonly eventId: string }
  /** The latest event of these kinds about a thing; `before`: among those told earlier than the effect. */
  | {
      readonly by: 'thing';
      readonly thing: string;
      readonly kinds: readonly string[];
      readonly before: boolean;
    };

/** `model.promoted` of `io.perennial.model.promoted.v1`. */
export function kindOf(eventType: string): string {
  return eventType.replace(/^io\.perennial\./, '').replace(/\.v\d+$/, '');
}

/**
 * What led to an event: the event it names as its cause, and those that its body points to. The second are needed
 * where a service acted on its own later (a rollout moves on after some predictions, a run ends after a while) and
 * could not name one event.
 *
 * A chain ends at a drift report: what led to it are rows and predictions, and the model it watched has its own chain.
 */
export function causesOf({ eventType, causationId, body }: Entry): CauseRule[] {
  const kind = kindOf(eventType);
  if (kind === 'drift-report.recorded') return [];
  const text = (field: string) => (typeof body[field] === 'string' ? (body[field] as string) : '');
  const rules = (bridges[kind]?.(text, body) ?? []).filter(
    (rule) => rule.by !== 'thing' || !rule.thing.endsWith(':'),
  );
  return causationId === '' ? rules : [{ by: 'event', eventId: causationId }, ...rules];
}

type Bridge = (text: (field: string) => string, body: Entry['body']) => CauseRule[];

const about = (thing: string, ...kinds: string[]): CauseRule => ({
  by: 'thing',
  thing,
  kinds,
  before: false,
});
/** For things that have several such events. */
const earlier = (thing: string, ...kinds: string[]): CauseRule => ({
  by: 'thing',
  thing,
  kinds,
  before: true,
});

const rolloutMoves = ['rollout.advanced', 'rollout.requested'];

const bridges: Readonly<Record<string, Bridge>> = {
  'segment.verified': (text) => [
    about(`repair:${text('repairId')}`, 'segment.repaired'),
    about(`segment:${text('segmentId')}`, 'segment.recorded'),
  ],
  'segment.quarantined': (text) => [about(`segment:${text('segmentId')}`, 'segment.recorded')],
  'segment.repaired': (text) => [about(`quarantine:${text('quarantineId')}`, 'segment.quarantined')],
  'feature-view.defined': (text) => [about(`system:${text('system')}`, 'system.applied')],
  'dataset.materialized': (text) => [about(`rollout:${text('rolloutId')}`, 'rollout.requested')],
  'dataset.refused': (text) => [about(`rollout:${text('rolloutId')}`, 'rollout.requested')],
  'training-run.started': (text) => [about(`dataset:${text('datasetId')}`, 'dataset.materialized')],
  'training-run.completed': (text) => [
    earlier(`training-run:${text('runId')}`, 'training-run.started'),
    about(`dataset:${text('datasetId')}`, 'dataset.materialized'),
  ],
  'training-run.failed': (text) => [
    earlier(`training-run:${text('runId')}`, 'training-run.started'),
    about(`rollout:${text('rolloutId')}`, 'dataset.materialized'),
  ],
  'evaluation.completed': (text) => [about(`training-run:${text('runId')}`, 'training-run.completed')],
  'model.registered': (text) => [
    about(`evaluation:${text('evaluationId')}`, 'evaluation.completed'),
    about(`training-run:${text('runId')}`, 'training-run.completed'),
  ],
  'model.tested': (text, body) => [
    earlier(modelThing(text('system'), Number(body['version'])), 'model.registered'),
  ],
  'model.promoted': (text, body) =>
    text('rolloutId') === ''
      ? [earlier(modelThing(text('system'), Number(body['version'])), 'model.tested', 'model.registered')]
      : [earlier(`rollout:${text('rolloutId')}`, 'model.tested', ...rolloutMoves)],
  'rollout.requested': (text) => [
    about(`review:${text('reviewId')}`, 'review.concluded'),
    earlier(`system:${text('system')}`, 'system.applied'),
  ],
  'rollout.advanced': (text, body) => [
    earlier(`rollout:${text('rolloutId')}`, ...rolloutMoves),
    ...(body['from'] === 'ROLLOUT_PHASE_TESTING'
      ? [earlier(`rollout:${text('rolloutId')}`, 'model.tested')]
      : []),
    ...(body['from'] === 'ROLLOUT_PHASE_TRAINING'
      ? [
          about(
            `rollout:${text('rolloutId')}`,
            'evaluation.completed',
            'training-run.failed',
            'dataset.refused',
          ),
        ]
      : []),
  ],
  'deployment.updated': (text) => [
    earlier(`rollout:${text('rolloutId')}`, 'model.promoted', ...rolloutMoves),
    ...(text('rolloutId') === ''
      ? [earlier(`system:${text('system')}`, 'model.promoted', ...rolloutMoves, 'system.applied')]
      : []),
  ],
  'review.concluded': (text) => [about(`drift-report:${text('reportId')}`, 'drift-report.recorded')],
  'dead-letter.recorded': (text) =>
    text('eventId') === '' ? [] : [{ by: 'event', eventId: text('eventId') }],
  'dead-letter.decided': (text) => [earlier(`dead-letter:${text('deadLetterId')}`, 'dead-letter.recorded')],
};
