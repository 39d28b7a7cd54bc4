import type { Reader } from '../system/reader.js';
import { ifGiven, readSeverity } from './read-parts.js';
import { type DatasetSchema, datasetRules, severities } from './schema.js';

/** What is expected of the set of rows. */
export function readDataset(at: Reader): DatasetSchema {
  const fields = at.optionalFields([
    'rows',
    'freshness',
    'interval',
    'volume',
    'order',
    'new-columns',
    'severity',
    'by',
  ]);
  if (!fields) return {};
  return {
    ...ifGiven(fields.rows, 'rows', readRows),
    ...ifGiven(fields.freshness, 'freshness', (one) => {
      const within = one.fields(['within'])?.within.durationMs();
      return within === undefined ? undefined : { withinMs: within };
    }),
    ...ifGiven(fields.interval, 'intervalMs', (one) => positive(one, one.durationMs())),
    ...ifGiven(fields.volume, 'volume', readVolume),
    ...ifGiven(fields.order, 'order', (one) => one.choice(['event-time'] as const)),
    ...ifGiven(fields['new-columns'], 'newColumns', (one) => one.choice(severities)),
    ...ifGiven(fields.severity, 'severity', (one) => readSeverity(one, datasetRules)),
    ...ifGiven(fields.by, 'by', (one) => one.text('who wrote it')),
  };
}

function readRows(at: Reader): DatasetSchema['rows'] {
  const fields = at.fields(['min', 'max', 'against-previous']);
  if (!fields) return undefined;
  return {
    ...ifGiven(fields.min, 'min', (one) => one.counted('row')),
    ...ifGiven(fields.max, 'max', (one) => one.counted('row')),
    ...ifGiven(fields['against-previous'], 'againstPrevious', (one) => {
      const bounds = one.fields(['min', 'max']);
      return (
        bounds && {
          ...ifGiven(bounds.min, 'min', (bound) => bound.number({ min: 0 })),
          ...ifGiven(bounds.max, 'max', (bound) => bound.number({ min: 0 })),
        }
      );
    }),
  };
}

function readVolume(at: Reader): DatasetSchema['volume'] {
  const fields = at.fields(['per', 'min', 'max', 'false-alarms']);
  const perMs = fields && positive(fields.per, fields.per.durationMs());
  if (!fields || perMs === undefined) return undefined;
  return {
    perMs,
    ...ifGiven(fields.min, 'min', (one) => one.counted('row')),
    ...ifGiven(fields.max, 'max', (one) => one.counted('row')),
    ...ifGiven(fields['false-alarms'], 'falseAlarms', (one) => one.share()),
  };
}

function positive(at: Reader, duration: number | undefined): number | undefined {
  return duration === 0 ? at.report('it lasts longer than nothing') : duration;
}
