import {
  CollectGarbageRequestSchema,
  CollectGarbageResponseSchema,
  CompactDatasetsRequestSchema,
  CompactDatasetsResponseSchema,
  DiffDatasetsResponseSchema,
  EraseKeyRequestSchema,
  EraseKeyResponseSchema,
  GetDatasetResponseSchema,
  ListDatasetVersionsResponseSchema,
  ListErasuresResponseSchema,
  ListVerifiedDatasetsResponseSchema,
  ListWatchedFilesResponseSchema,
} from '@perennial/contracts';
import { type Described, file, oneOf, whole, word } from './describe.js';

const kind = oneOf('rows when left out.', 'rows', 'labels');
const version = whole('Of which version; the newest when left out.');
const asOf = word('The version that was the newest at this time, in place of its number.');

/** Datasets: versions of verified rows, what deletes them, and what erases. */
export const describedDatasets: Readonly<Record<string, Described>> = {
  'GET /v1/datasets': {
    says: 'The newest version of every dataset.',
    gives: ListVerifiedDatasetsResponseSchema,
  },
  'GET /v1/datasets/:source': {
    says: 'One version of a dataset with its segments.',
    gives: GetDatasetResponseSchema,
    query: { kind, version, as_of: asOf },
  },
  'GET /v1/datasets/:source/versions': {
    says: 'Versions of a dataset, newest first.',
    gives: ListDatasetVersionsResponseSchema,
    query: {
      kind,
      before: whole('Only versions before this one.'),
      limit: whole('How many; 100 when left out, at most 1,000.'),
    },
  },
  'GET /v1/datasets/:source/diff': {
    says: 'What the later of two versions has and the earlier has not.',
    gives: DiffDatasetsResponseSchema,
    query: { kind, from: whole('One version.'), to: whole('The other; the newest when left out.') },
  },
  'GET /v1/datasets/:source/rows': {
    says: 'The rows of a version in recorded order, as a file.',
    answer: file('application/vnd.apache.parquet', 'text/csv'),
    query: { kind, version, as_of: asOf, format: oneOf('parquet when left out.', 'parquet', 'csv') },
  },
  'GET /v1/watched-files': {
    says: 'What came of the files of watched folders and S3 prefixes, the last ones first.',
    gives: ListWatchedFilesResponseSchema,
    query: {
      source: word('Of which source; all when left out.'),
      limit: whole('How many; 100 when left out, at most 1,000.'),
    },
  },
  'POST /v1/datasets/compact': {
    says: 'Make few large files of many small ones, of one source or of all.',
    takes: CompactDatasetsRequestSchema,
    gives: CompactDatasetsResponseSchema,
  },
  'POST /v1/garbage/collect': {
    says: 'Delete files that nothing needs; when one service cannot be asked, nothing is deleted.',
    takes: CollectGarbageRequestSchema,
    gives: CollectGarbageResponseSchema,
    example: { dry_run: true },
  },
  'POST /v1/erasures': {
    says: 'Take everything that belongs to one key out of what is kept.',
    takes: EraseKeyRequestSchema,
    gives: EraseKeyResponseSchema,
    example: { column: 'passenger', value: '123', dry_run: true },
  },
  'GET /v1/erasures': {
    says: 'Erasures that were asked for, without whose they were.',
    gives: ListErasuresResponseSchema,
  },
};
