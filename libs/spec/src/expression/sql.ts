import type { Expression, Node, ValueType } from './ast.js';
import { operationOf, resultsOf, sharedType, typeOf, wantedOf } from './types.js';

const castTypes = { number: 'double', boolean: 'boolean', text: 'varchar', time: 'timestamp' } as const;

/**
 * The expression as DuckDB's SQL. `column` gives the SQL of a column, already quoted; `null` where a table has none.
 * Columns may be of any type: what does not fit an operator is null there, as in `evaluateExpression`.
 */
export function expressionToSql({ root }: Expression, column: (name: string) => string): string {
  return print(root, column);
}

function print(node: Node, column: (name: string) => string): string {
  switch (node.kind) {
    case 'literal':
      return literal(node.value);
    case 'column':
      return column(node.name);
    case 'call':
      return operationOf(node.name).sql(
        node.args.map((arg, index) => printAs(arg, wantedOf(node, index), column)),
      );
    case 'case': {
      const type = sharedType(resultsOf(node)) ?? 'any';
      const branches = node.branches.map(
        ({ when, result }) =>
          `when ${printAs(when, 'boolean', column)} then ${printAs(result, type, column)}`,
      );
      const otherwise = node.otherwise ? ` else ${printAs(node.otherwise, type, column)}` : '';
      return `(case ${branches.join(' ')}${otherwise} end)`;
    }
  }
}

function printAs(node: Node, type: ValueType, column: (name: string) => string): string {
  const sql = print(node, column);
  return type === 'any' || typeOf(node) === type ? sql : `try_cast(${sql} as ${castTypes[type]})`;
}

function literal(value: string | number | boolean | null): string {
  if (typeof value === 'number') return `(${value}::double)`;
  return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value);
}
