import { columnsOfExpression } from '../expression/ast.js';
import { parseExpression } from '../expression/parse.js';
import { SpecFile } from '../system/problems.js';
import { Reader } from '../system/reader.js';
import { readColumn } from './read-column.js';
import { readDataset } from './read-dataset.js';
import { type RowRule, type SchemaDocument, schemaDocument, severities } from './schema.js';

const rootFields = ['apiVersion', 'kind', 'source', 'of', 'columns', 'rules', 'dataset', 'notes'] as const;
/** As many as a segment may have. */
const columnsMax = 2_000;
const rulesMax = 500;

/**
 * Reads a schema file (`kind: Schema`).
 *
 * @throws PlatformError SPEC_INVALID with every problem found, one a line: its line, its path, what is wrong and the fix
 */
export function parseSchema(yaml: string): SchemaDocument {
  const file = new SpecFile(yaml);
  const at = new Reader(file, file.value, []).fields(rootFields);
  if (!at) return file.refuse() as never;
  at.apiVersion.choice(['perennial/v1']);
  at.kind.choice(['Schema']);
  const columns = readColumns(at.columns);
  const notes = at.notes.items().map((note) => note.text('a note'));
  const draft = {
    source: at.source.name(),
    of: at.of.choice(['rows', 'labels'], 'rows'),
    columns,
    rules: readRules(at.rules, Object.keys(columns)),
    dataset: readDataset(at.dataset),
    ...(notes.length && { notes }),
  };
  file.refuse();
  // Nothing was refused, so that every part is there: the schema is asked once more, for our own sake.
  return schemaDocument.parse(draft);
}

function readColumns(at: Reader): SchemaDocument['columns'] {
  const entries = entriesOf(at, 'columns by name, such as "temp_min: {type: number}"');
  if (entries.length > columnsMax)
    at.report(`there are ${entries.length}; at most ${columnsMax} are allowed`);
  const columns: [string, SchemaDocument['columns'][string]][] = [];
  for (const [name, reader] of entries) {
    at.at(name, name).column();
    const column = readColumn(reader);
    if (column) columns.push([name, column]);
  }
  return Object.fromEntries(columns);
}

/** The members of a map whose names are free. */
function entriesOf(at: Reader, what: string): [string, Reader][] {
  if (at.isAbsent) {
    at.report(`${what}: missing`);
    return [];
  }
  if (typeof at.value !== 'object' || Array.isArray(at.value)) {
    at.report(`${what}: expected`);
    return [];
  }
  return Object.entries(at.value as object).map(([name, value]) => [name, at.at(name, value)]);
}

function readRules(at: Reader, columns: readonly string[]): RowRule[] {
  const items = at.items();
  if (items.length > rulesMax) at.report(`there are ${items.length}; at most ${rulesMax} are allowed`);
  const seen = new Set<string>();
  return items.flatMap((item) => {
    const rule = readRule(item, columns);
    if (!rule) return [];
    if (seen.has(rule.name)) item.report(`the name "${rule.name}" is there twice`);
    seen.add(rule.name);
    return [rule];
  });
}

function readRule(at: Reader, columns: readonly string[]): RowRule | undefined {
  const fields = at.fields(['name', 'expr', 'references', 'when', 'severity', 'by']);
  if (!fields) return undefined;
  const name = fields.name.name();
  if (fields.expr.isAbsent === fields.references.isAbsent) {
    return at.report('it needs either "expr", true where a row is good, or "references", a row elsewhere');
  }
  const expr = fields.expr.isAbsent ? undefined : readCondition(fields.expr, columns);
  const references = fields.references.isAbsent ? undefined : readReferences(fields.references, columns);
  const when = fields.when.isAbsent ? undefined : readCondition(fields.when, columns);
  const severity = fields.severity.choice(severities, 'quarantine');
  const by = fields.by.isAbsent ? undefined : fields.by.text('who wrote it');
  if (name === undefined || severity === undefined) return undefined;
  return {
    name,
    severity,
    ...(expr !== undefined && { expr }),
    ...(references && { references }),
    ...(when !== undefined && { when }),
    ...(by !== undefined && { by }),
  };
}

/** An expression over the columns that is true or false. */
function readCondition(at: Reader, columns: readonly string[]): string | undefined {
  const text = at.text('a condition');
  if (text === undefined) return undefined;
  const expression = at.file.attempt(at.path, (field) => parseExpression(text, field));
  if (!expression) return undefined;
  if (expression.type === 'number' || expression.type === 'text') {
    return at.report(`it gives a ${expression.type}, not true or false; compare it with something`);
  }
  const unknown = columnsOfExpression(expression).find((column) => !columns.includes(column));
  if (unknown === undefined) return text;
  return at.report(`there is no column "${unknown}" in this schema; add it under columns, or mend the name`);
}

function readReferences(at: Reader, columns: readonly string[]): RowRule['references'] {
  const fields = at.fields(['columns', 'source', 'to']);
  if (!fields) return undefined;
  const own = fields.columns.items().map((item) => item.column());
  const to = fields.to.isAbsent ? own : fields.to.items().map((item) => item.column());
  const source = fields.source.name();
  if (own.length === 0) fields.columns.report('name the columns whose values must be found');
  if (to.length !== own.length) fields.to.report(`it names ${to.length} columns for ${own.length}`);
  const unknown = own.find((column) => column !== undefined && !columns.includes(column));
  if (unknown !== undefined) fields.columns.report(`there is no column "${unknown}" in this schema`);
  if (source === undefined) return undefined;
  return {
    columns: own.filter((column) => column !== undefined),
    source,
    to: to.filter((column) => column !== undefined),
  };
}
