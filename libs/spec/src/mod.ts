export { type DocumentKind, documentKind } from './document-kind.js';
export { columnsOfExpression, type Expression } from './expression/ast.js';
export { evaluateCondition, evaluateExpression } from './expression/evaluate.js';
export { parseExpression } from './expression/parse.js';
export { expressionToSql } from './expression/sql.js';
export { canonicalSchema, schemaDigest, schemaFromJson } from './schema/canonical-schema.js';
export { type Compatibility, compareSchemas, type SchemaChange } from './schema/compare-schemas.js';
export { parseSchema } from './schema/parse-schema.js';
export {
  type ColumnRuleName,
  type ColumnSchema,
  type DatasetRuleName,
  type DatasetSchema,
  datasetSeverityOf,
  type RowRule,
  type SchemaDocument,
  type Severity,
  severityOf,
  type ValueFormat,
} from './schema/schema.js';
export { schemaYaml } from './schema/write-schema.js';
export { canonicalSource, diffSources, sourceFromJson } from './source/canonical.js';
export { checkAgrees } from './source/contradictions.js';
export { parseSource } from './source/read-source.js';
export type { Late, Source } from './source/source.js';
export { canonicalSystem, systemDigest, systemFromJson } from './system/canonical.js';
export { type Change, diffSystems } from './system/diff.js';
export {
  type Encode,
  type Feature,
  type LookupFeature,
  modelInputs,
  sizeOf,
  type WindowFeature,
} from './system/features.js';
export { parseSystem } from './system/parse-system.js';
export {
  canonicalServing,
  type ModelServing,
  parseModelServing,
  servingFromJson,
} from './system/read-serving.js';
export type { Serving } from './system/serving.js';
export type { System } from './system/system.js';
