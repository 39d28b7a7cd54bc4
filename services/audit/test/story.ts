import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  events,
  ReviewVerdict,
  RolloutPhase,
  RolloutTrigger,
  RouteRole,
  SegmentKind,
} from '@perennial/contracts';
import { digestOf } from '@perennial/kernel';
import { type ToldEvent, told } from './house.js';

const system = 'weather';
const day = (text: string) => timestampFromDate(new Date(`${text}T00:00:00Z`));

/** The manifest that the dataset of rollout `rollout` has in the artifact store. */
export const manifestOf = (rollout: string) =>
  JSON.stringify({
    kind: 'perennial/dataset-manifest/v1',
    rollout,
    segments: [verifiedDigest],
    labels: ['sha256:unknown'],
  });
export const verifiedDigest = digestOf('the verified rows');
const manifestDigest = (rollout: string) => digestOf(manifestOf(rollout));

const applied = () => [
  told(
    events.systemApplied,
    system,
    { system, version: 1, appliedBy: 'ann', specJson: '{"source":{"name":"rain"}}' },
    { id: 'applied', at: 1 },
  ),
];

const data = () => [
  told(
    events.segmentRecorded,
    'seg-1',
    {
      segmentId: 'seg-1',
      source: 'rain',
      kind: SegmentKind.ROWS,
      producer: 'desk',
      digest: digestOf('raw'),
      rows: 90,
      eventTimeMin: day('2012-01-01'),
      eventTimeMax: day('2012-03-30'),
    },
    { id: 'recorded', at: 2 },
  ),
  told(
    events.segmentVerified,
    'seg-1',
    {
      segmentId: 'seg-1',
      source: 'rain',
      kind: SegmentKind.ROWS,
      producer: 'desk',
      digest: verifiedDigest,
      rows: 90,
      schemaVersion: 1,
      eventTimeMin: day('2012-01-01'),
      eventTimeMax: day('2012-03-30'),
    },
    { id: 'verified', cause: 'recorded', at: 3 },
  ),
];

interface Season {
  readonly rollout: string;
  readonly version: number;
  readonly at: number;
  /** What the registry names as the cause of its request. */
  readonly cause: string;
  readonly reviewId?: string;
}

/** From the request to the promotion. After the test nothing names its cause: predictions moved the rollout on. */
function season({ rollout, version, at, cause, reviewId = '' }: Season): ToldEvent[] {
  const previous = version - 1;
  const champion = previous ? { version: previous, digest: `sha256:${previous}` } : undefined;
  const common = { system, rolloutId: rollout };
  const ids = {
    runId: `run-${version}`,
    datasetId: `dataset-${version}`,
    evaluationId: `evaluation-${version}`,
  };
  const { runId, datasetId, evaluationId } = ids;
  const id = (name: string) => `${name}-${version}`;
  const advanced = (
    from: RolloutPhase,
    to: RolloutPhase,
    reason: string,
    more: { id: string; at: number; cause?: string; version: number },
  ) => told(events.rolloutAdvanced, rollout, { ...common, from, to, reason, modelVersion: version }, more);
  return [
    told(
      events.rolloutRequested,
      rollout,
      {
        ...common,
        systemVersion: 1,
        trigger: reviewId ? RolloutTrigger.REVIEW : RolloutTrigger.FIRST,
        reviewId,
        ...(champion && { champion }),
      },
      { id: id('requested'), cause, at },
    ),
    told(
      events.datasetMaterialized,
      datasetId,
      {
        ...common,
        datasetId,
        systemVersion: 1,
        trainingRows: 76,
        holdoutRows: 14,
        manifestDigest: manifestDigest(rollout),
        watermark: day('2012-03-30'),
      },
      { id: id('materialized'), cause: id('requested'), at: at + 1 },
    ),
    // The trainer takes the run from its queue later, and names nothing.
    told(
      events.trainingRunStarted,
      runId,
      { ...common, runId, datasetId, trainer: 'gbdt', attempt: 1 },
      { id: id('started'), at: at + 2 },
    ),
    told(
      events.trainingRunCompleted,
      runId,
      {
        ...common,
        runId,
        datasetId,
        modelDigest: `sha256:${version}`,
        modelBytes: 82_944n,
        durationSeconds: 1.25,
        peakMemoryBytes: 220_200_960,
      },
      { id: id('completed'), at: at + 3, version: 2 },
    ),
    told(
      events.evaluationCompleted,
      evaluationId,
      {
        ...common,
        evaluationId,
        runId,
        metric: 'mae',
        holdoutRows: 14,
        candidate: { name: 'candidate', value: 2.1 },
        ...(previous && { champion: { name: 'champion', value: 3 } }),
        baselines: [{ name: 'last value', value: 2.9 }],
      },
      { id: id('evaluated'), at: at + 4 },
    ),
    told(
      events.modelRegistered,
      system,
      { ...common, version, digest: `sha256:${version}`, bytes: 82_944n, runId, datasetId, evaluationId },
      { id: id('registered'), cause: id('evaluated'), at: at + 5 },
    ),
    advanced(RolloutPhase.TRAINING, RolloutPhase.TESTING, 'mae 2.1 against 3', {
      id: id('to-testing'),
      cause: id('evaluated'),
      at: at + 5.001,
      version: 2,
    }),
    told(
      events.modelTested,
      system,
      { ...common, version, passed: true, goldenRequests: 5, latencyP99Ms: 2.125, memoryBytes: 1_048_576 },
      { id: id('tested'), at: at + 6, version: 2 },
    ),
    advanced(RolloutPhase.TESTING, RolloutPhase.SHADOW, 'the test passed', {
      id: id('to-shadow'),
      at: at + 6.001,
      version: 3,
    }),
    advanced(RolloutPhase.SHADOW, RolloutPhase.CANARY, '2 predictions seen', {
      id: id('to-canary'),
      at: at + 7,
      version: 4,
    }),
    told(
      events.modelPromoted,
      system,
      {
        ...common,
        alias: 'champion',
        version,
        previousVersion: previous,
        reason: 'the canary held',
        movedBy: 'registry',
      },
      { id: id('promoted'), at: at + 8, version: 3 },
    ),
    advanced(RolloutPhase.CANARY, RolloutPhase.PROMOTED, 'the canary held', {
      id: id('to-promoted'),
      at: at + 8.001,
      version: 5,
    }),
    told(
      events.deploymentUpdated,
      system,
      {
        deployment: system,
        system,
        epoch: BigInt(version * 10),
        routes: [{ role: RouteRole.CHAMPION, version, weight: 1 }],
        rolloutId: rollout,
      },
      { id: id('deployed'), at: at + 8.002 },
    ),
  ];
}

const decay = () => [
  told(
    events.driftReportRecorded,
    'report-1',
    {
      reportId: 'report-1',
      system,
      modelVersion: 1,
      windowRows: 14,
      dataTimeFrom: day('2012-05-01'),
      dataTimeTo: day('2012-05-14'),
      features: [
        { feature: 'temp_min', statistic: 'ks', value: 0.61, pAdjusted: 0.0004, effect: 1.42, drifted: true },
      ],
      decay: { metric: 'mae', value: 4.6, baseline: 2.1, rows: 14, decayed: true },
    },
    { id: 'report', at: 50 },
  ),
  told(
    events.reviewConcluded,
    'review-1',
    {
      reviewId: 'review-1',
      reportId: 'report-1',
      system,
      modelVersion: 1,
      verdict: ReviewVerdict.WORLD_CHANGED,
      evidence: ['no rows are held', 'temp_min moved by 1.42 sd'],
    },
    { id: 'review', at: 51 },
  ),
];

/** A first model, its decay and the second model, as the services tell it. */
export function story(): ToldEvent[] {
  return [
    ...applied(),
    ...data(),
    ...season({ rollout: 'rollout-1', version: 1, at: 10, cause: 'verified' }),
    ...decay(),
    // The registry handles the review and names it; the body says it, too.
    ...season({ rollout: 'rollout-2', version: 2, at: 60, cause: '', reviewId: 'review-1' }),
  ];
}
