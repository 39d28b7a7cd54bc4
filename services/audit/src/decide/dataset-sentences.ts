import { SegmentKind } from '@perennial/contracts';
import type { Sentences } from './sentences.js';
import { list } from './words.js';

type DatasetEvent = 'datasetVersioned' | 'segmentsCompacted' | 'dataErased' | 'leakSuspected';

export const datasetSentences: Sentences<DatasetEvent> = {
  datasetVersioned: ({ source, kind, version, rows, segments }) =>
    `the dataset of ${kind === SegmentKind.LABELS ? 'labels of ' : ''}${source} is at v${version}, with ${rows} rows in ${segments} segments`,
  segmentsCompacted: ({ source, replaced, rows }) =>
    `${replaced.length} files of ${source} became one of ${rows} rows`,
  leakSuspected: ({ system, systemVersion, leaks, refused }) =>
    `in the training rows of ${system} version ${systemVersion} ${list(leaks.map(({ relation, evidence }) => `${relation} (${evidence})`))}, which seems to give the label away; ${refused ? 'no model is trained on it' : 'a model is trained all the same'}`,
  dataErased: ({ source, column, rows, replaced, requestedBy }) =>
    `${requestedBy} had everything erased that belongs to one ${column}${source === '' ? '' : ` of ${source}`}: ${rows} rows in ${replaced.length} files`,
};
