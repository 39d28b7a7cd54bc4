import type { ColumnSchema } from '@perennial/spec';
import type { Value } from '../schema/value.js';

/**
 * What an anomaly is called: where TensorFlow Data Validation has a name for it that one, so that its users know it.
 * The rest is ours. docs/anomalies.md says what raises each.
 */
export type AnomalyType =
  | 'BOOL_TYPE_BIG_INT'
  | 'BOOL_TYPE_SMALL_INT'
  | 'BOOL_TYPE_UNEXPECTED_STRING'
  | 'BOOL_TYPE_UNEXPECTED_FLOAT'
  | 'BOOL_TYPE_INT_NOT_STRING'
  | 'COMPARATOR_CONTROL_DATA_MISSING'
  | 'COMPARATOR_TREATMENT_DATA_MISSING'
  | 'COMPARATOR_L_INFTY_HIGH'
  | 'COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH'
  | 'COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH'
  | 'COMPARATOR_LOW_NUM_EXAMPLES'
  | 'COMPARATOR_HIGH_NUM_EXAMPLES'
  | 'DATASET_LOW_NUM_EXAMPLES'
  | 'DATASET_HIGH_NUM_EXAMPLES'
  | 'ENUM_TYPE_INVALID_UTF8'
  | 'ENUM_TYPE_UNEXPECTED_STRING_VALUES'
  | 'FEATURE_TYPE_HIGH_NUMBER_VALUES'
  | 'FEATURE_TYPE_HIGH_UNIQUE'
  | 'FEATURE_TYPE_LOW_FRACTION_PRESENT'
  | 'FEATURE_TYPE_LOW_NUMBER_PRESENT'
  | 'FEATURE_TYPE_LOW_NUMBER_VALUES'
  | 'FEATURE_TYPE_LOW_UNIQUE'
  | 'FEATURE_TYPE_NO_UNIQUE'
  | 'FEATURE_TYPE_NO_VALUES'
  | 'FEATURE_TYPE_NOT_PRESENT'
  | 'FEATURE_TYPE_UNEXPECTED_REPEATED'
  | 'FLOAT_TYPE_BIG_FLOAT'
  | 'FLOAT_TYPE_HAS_INF'
  | 'FLOAT_TYPE_HAS_NAN'
  | 'FLOAT_TYPE_SMALL_FLOAT'
  | 'FLOAT_TYPE_STRING_NOT_FLOAT'
  | 'INT_TYPE_BIG_INT'
  | 'INT_TYPE_INT_EXPECTED'
  | 'INT_TYPE_NOT_INT_STRING'
  | 'INT_TYPE_SMALL_INT'
  | 'INVALID_FEATURE_SHAPE'
  | 'NO_DATA_IN_SPAN'
  | 'SCHEMA_MISSING_COLUMN'
  | 'SCHEMA_NEW_COLUMN'
  | 'SCHEMA_TRAINING_SERVING_SKEW'
  | 'SEMANTIC_DOMAIN_UPDATE'
  | 'STRING_TYPE_NOW_FLOAT'
  | 'STRING_TYPE_NOW_INT'
  | 'UNEXPECTED_DATA_TYPE'
  | 'VALUE_NESTEDNESS_MISMATCH'
  // Ours.
  | 'CAPPED_VALUES'
  | 'COLUMNS_SWAPPED'
  | 'CONSTANT_WOKE_UP'
  | 'DUPLICATE_VALUES'
  | 'EVENT_TIME_IN_FUTURE'
  | 'FLOOD_OF_DEFAULT'
  | 'FORMAT_MISMATCH'
  | 'HELD_BY_SOURCE'
  | 'NOT_MONOTONE'
  | 'REFERENCE_MISSING'
  | 'ROWS_OUT_OF_ORDER'
  | 'ROW_RULE_BROKEN'
  | 'SOURCE_SILENT'
  | 'TIME_OUT_OF_RANGE'
  | 'UNIT_CHANGE'
  | 'VALUE_STUCK'
  | 'VOLUME_HIGH'
  | 'VOLUME_LOW';

export type Expected = Pick<ColumnSchema, 'type'> & Partial<ColumnSchema>;

/** What the violation of a rule by one cell is called. `expected` is undefined where nothing is known of the column. */
export function cellAnomaly(rule: string, value: Value, expected: Expected | undefined): AnomalyType {
  switch (rule) {
    case 'type':
      return typeAnomaly(value, expected?.type ?? 'number');
    case 'presence':
      return 'FEATURE_TYPE_LOW_FRACTION_PRESENT';
    case 'range':
      return rangeAnomaly(value, expected);
    case 'domain':
      return String(value).includes('\ufffd')
        ? 'ENUM_TYPE_INVALID_UTF8'
        : 'ENUM_TYPE_UNEXPECTED_STRING_VALUES';
    case 'format':
      return 'FORMAT_MISMATCH';
    case 'valency':
      return valencyAnomaly(value, expected?.valency ?? {});
    case 'unit-change':
      return 'UNIT_CHANGE';
    case 'event-time':
      return 'EVENT_TIME_IN_FUTURE';
    default:
      return 'ROW_RULE_BROKEN';
  }
}

function typeAnomaly(value: Value, type: ColumnSchema['type']): AnomalyType {
  const text = typeof value === 'string' ? value.trim() : undefined;
  const isNumber = typeof value === 'number';
  switch (type) {
    case 'number':
    case 'integer':
      if (Number.isNaN(value) || /^-?nan$/i.test(text ?? '')) return 'FLOAT_TYPE_HAS_NAN';
      if (isNumber && !Number.isFinite(value)) return 'FLOAT_TYPE_HAS_INF';
      if (/^[-+]?inf(inity)?$/i.test(text ?? '')) return 'FLOAT_TYPE_HAS_INF';
      if (text?.startsWith('[')) return 'FEATURE_TYPE_UNEXPECTED_REPEATED';
      if (text !== undefined)
        return type === 'number' ? 'FLOAT_TYPE_STRING_NOT_FLOAT' : 'INT_TYPE_NOT_INT_STRING';
      return isNumber ? 'INT_TYPE_INT_EXPECTED' : 'UNEXPECTED_DATA_TYPE';
    case 'boolean':
      if (text !== undefined) return 'BOOL_TYPE_UNEXPECTED_STRING';
      if (!isNumber) return 'UNEXPECTED_DATA_TYPE';
      if (!Number.isInteger(value)) return 'BOOL_TYPE_UNEXPECTED_FLOAT';
      if (value > 1) return 'BOOL_TYPE_BIG_INT';
      return value < 0 ? 'BOOL_TYPE_SMALL_INT' : 'BOOL_TYPE_INT_NOT_STRING';
    case 'text':
      if (!isNumber) return 'UNEXPECTED_DATA_TYPE';
      return Number.isInteger(value) ? 'STRING_TYPE_NOW_INT' : 'STRING_TYPE_NOW_FLOAT';
    default:
      return 'UNEXPECTED_DATA_TYPE';
  }
}

function rangeAnomaly(value: Value, expected: Expected | undefined): AnomalyType {
  if (expected?.type === 'time') return 'TIME_OUT_OF_RANGE';
  // Later rows may have widened the bounds that it broke: what counts is the side.
  const { low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY } = expected?.range ?? {};
  const middle =
    Number.isFinite(low) && Number.isFinite(high) ? (low + high) / 2 : Math.min(high, Math.max(low, 0));
  const isHigh = Number(value) > middle;
  if (expected?.type === 'integer') return isHigh ? 'INT_TYPE_BIG_INT' : 'INT_TYPE_SMALL_INT';
  return isHigh ? 'FLOAT_TYPE_BIG_FLOAT' : 'FLOAT_TYPE_SMALL_FLOAT';
}

function valencyAnomaly(value: Value, { min = 0, shape }: NonNullable<ColumnSchema['valency']>): AnomalyType {
  const items = JSON.parse(String(value)) as unknown[];
  if (shape) {
    const isNested = items.some(Array.isArray);
    return isNested === shape.length > 1 ? 'INVALID_FEATURE_SHAPE' : 'VALUE_NESTEDNESS_MISMATCH';
  }
  if (items.length === 0 && min > 0) return 'FEATURE_TYPE_NO_VALUES';
  return items.length < min ? 'FEATURE_TYPE_LOW_NUMBER_VALUES' : 'FEATURE_TYPE_HIGH_NUMBER_VALUES';
}
