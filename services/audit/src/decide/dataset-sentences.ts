import { SegmentKind } from '@perennial/contracts';
import type { Sentences } from './sentences.js';

export const datasetSentences: Sentences<'datasetVersioned' | 'segmentsCompacted' | 'dataErased'> = {
  datasetVersioned: ({ source, kind, version, rows, segments }) =>
    `the dataset of ${kind === SegmentKind.LABELS ? 'labels of ' : ''}${source} is at v${version}, with ${rows} rows in ${segments} segments`,
  segmentsCompacted: ({ source, replaced, rows }) =>
    `${replaced.length} files of ${source} became one of ${rows} rows`,
  dataErased: ({ source, column, rows, replaced, requestedBy }) =>
    `${requestedBy} had everything erased that belongs to one ${column}${source === '' ? '' : ` of ${source}`}: ${rows} rows in ${replaced.length} files`,
};
