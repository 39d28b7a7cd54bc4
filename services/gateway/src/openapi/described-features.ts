import {
  CheckLeaksResponseSchema,
  GetFeaturesRequestSchema,
  GetFeaturesResponseSchema,
  GetTrainingSetResponseSchema,
  ListDatasetsResponseSchema,
  ListLeaksResponseSchema,
  ReproduceTrainingSetResponseSchema,
} from '@perennial/contracts';
import { type Described, file, flag, oneOf, word } from './describe.js';

/** Features of entities, training sets and leaks. */
export const describedFeatures: Readonly<Record<string, Described>> = {
  'POST /v1/features/:system::get': {
    says: "The features of entities by the key of the system's source, as of now or as of a time, with their age.",
    takes: GetFeaturesRequestSchema,
    fixed: ['view'],
    gives: GetFeaturesResponseSchema,
    example: { entities: [{ station: 'KSEA' }], ttl_ms: '86400000' },
  },
  'GET /v1/training-sets': {
    says: 'Training sets, newest first.',
    query: {
      system: word('Of which system; of all when left out.'),
      all: flag('Also those that are wanted or were refused.'),
    },
    gives: ListDatasetsResponseSchema,
  },
  'GET /v1/training-sets/:id': {
    says: 'One training set with its manifest: segments, version of the features, rows.',
    gives: GetTrainingSetResponseSchema,
  },
  'GET /v1/training-sets/:id/rows': {
    says: 'Its rows in the order of time, as a file.',
    answer: file('application/vnd.apache.parquet'),
    query: { part: oneOf('all when left out.', 'training', 'holdout', 'all') },
  },
  'POST /v1/training-sets/:id/reproduce': {
    says: 'Make it again out of its manifest, and compare the bytes.',
    gives: ReproduceTrainingSetResponseSchema,
  },
  'GET /v1/systems/:system/leaks': {
    says: 'Features that seemed to give the label away when training sets were made, newest first.',
    gives: ListLeaksResponseSchema,
  },
  'POST /v1/systems/:system/leaks/check': {
    says: 'Look for such features in all labelled rows that there are now.',
    gives: CheckLeaksResponseSchema,
  },
};
