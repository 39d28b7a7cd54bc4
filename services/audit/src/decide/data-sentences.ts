import { type Finding, SegmentKind } from '@perennial/contracts';
import type { Sentences } from './sentences.js';
import { because, count, day, span } from './words.js';

const noun = (kind: SegmentKind) => (kind === SegmentKind.LABELS ? 'label' : 'row');

type DataEvent =
  | 'sourceDeclared'
  | 'sourceProducerAdded'
  | 'segmentRecorded'
  | 'segmentVerified'
  | 'segmentQuarantined'
  | 'segmentRepaired'
  | 'segmentDiscarded'
  | 'anomalyFound'
  | 'schemaAccepted'
  | 'schemaProposed'
  | 'featureViewDefined'
  | 'datasetMaterialized'
  | 'datasetRefused';

export const dataSentences: Sentences<DataEvent> = {
  sourceDeclared: ({ source, version, declaredBy }) =>
    `${declaredBy || 'somebody'} declared how rows of ${source} are read, version ${version}`,
  sourceProducerAdded: ({ producer, source }) => `producer ${producer} got a credential for source ${source}`,
  segmentRecorded: ({ rows, kind, source, producer, eventTimeMin, eventTimeMax }) =>
    `${count(rows, noun(kind))} of ${source}${span(eventTimeMin, eventTimeMax)} came from producer ${producer}`,
  segmentVerified: ({ rows, kind, source, eventTimeMin, eventTimeMax, schemaVersion, repairId }) =>
    `${count(rows, noun(kind))} of ${source}${span(eventTimeMin, eventTimeMax)} passed verification by schema version ${schemaVersion}${repairId ? ', repaired' : ''}`,
  segmentQuarantined: ({ rows, kind, source, producer, eventTimeMin, eventTimeMax, findings }) =>
    `${count(rows, noun(kind))} of ${source}${span(eventTimeMin, eventTimeMax)} from producer ${producer} were held back${because(findings.map(found).join('; '))}`,
  segmentRepaired: ({ repairedBy, rows, source, column, expression, action, reason }) => {
    const [who, what] = [repairedBy || 'somebody', `${count(rows, 'held row')} of ${source}`];
    if (action === 'release') return `${who} let ${what} through as they are${because(reason)}`;
    if (action === 'revalidate') return `${who} had ${what} verified again, and they passed`;
    return `${who} repaired ${what} with ${column} = ${expression}`;
  },
  segmentDiscarded: ({ discardedBy, rows, source, reason }) =>
    `${discardedBy || 'somebody'} gave up ${count(rows, 'held row')} of ${source}${because(reason)}`,
  anomalyFound: ({ source, kind, producer, finding }) =>
    `${kind === SegmentKind.LABELS ? `labels of ${source}` : source}${producer ? ` from producer ${producer}` : ''}: ${finding ? found(finding) : 'something is odd'}`,
  schemaAccepted: ({ source, kind, version }) =>
    `the expectations of ${kind === SegmentKind.LABELS ? `${source}'s labels` : source} became schema version ${version}`,
  schemaProposed: ({ source, kind, rows, compatibility, notes }) =>
    `after ${count(rows, 'verified row')} of ${kind === SegmentKind.LABELS ? `${source}'s labels` : source} another schema was proposed, which is ${compatibility}${because(notes.slice(0, 3).join('; '))}`,
  featureViewDefined: ({ system, version, features }) =>
    `${system} version ${version} was given ${count(features.length, 'feature')}: ${features.join(', ')}`,
  datasetMaterialized: ({ system, trainingRows, holdoutRows, watermark }) =>
    `of the verified rows of ${system} known by ${day(watermark)}, ${trainingRows} were taken for training and the last ${holdoutRows} were held out`,
  datasetRefused: ({ system, reason }) => `no training set of ${system} could be made${because(reason)}`,
};

function found({ rule, column, suspectedCause, evidence }: Finding): string {
  const what = suspectedCause || rule;
  return `${column ? `${column}: ` : ''}${what}${evidence ? ` (${evidence})` : ''}`;
}
