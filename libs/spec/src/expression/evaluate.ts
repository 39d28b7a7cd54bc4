import type { Expression, Node, Value, ValueType } from './ast.js';
import { operationOf, resultsOf, sharedType, wantedOf } from './types.js';
import { type Looked, looked, toBoolean, toNumber, toText, toTime } from './values.js';

/**
 * The expression's value for one row, as DuckDB gives it for `expressionToSql` (ln, log10, exp and power to the last
 * bit but one: two libraries compute them). A missing column is null. Event times are given as Date, or as ISO text;
 * a result that is a time comes as epoch milliseconds.
 */
export function evaluateExpression({ root }: Expression, row: Record<string, unknown>): Value {
  const value = evaluate(root, row);
  return value instanceof Date ? value.getTime() : value;
}

/**
 * Whether a row meets the expression, as DuckDB's `try_cast(<expressionToSql> as boolean)`: null where it is neither true
 * nor false, as a time is.
 */
export function evaluateCondition({ root }: Expression, row: Record<string, unknown>): boolean | null {
  return toBoolean(evaluate(root, row));
}

function evaluate(node: Node, row: Record<string, unknown>): Looked {
  switch (node.kind) {
    case 'literal':
      return node.value;
    case 'column':
      return Object.hasOwn(row, node.name) ? looked(row[node.name]) : null;
    case 'case': {
      const type = sharedType(resultsOf(node)) ?? 'any';
      for (const { when, result } of node.branches) {
        if (toBoolean(evaluate(when, row)) === true) return as(evaluate(result, row), type);
      }
      return node.otherwise ? as(evaluate(node.otherwise, row), type) : null;
    }
    case 'call': {
      const { evaluate: apply, takesNull } = operationOf(node.name);
      const args = node.args.map((arg, index) => as(evaluate(arg, row), wantedOf(node, index)));
      return !takesNull && args.includes(null) ? null : apply(args);
    }
  }
}

function as(value: Looked, type: ValueType): Looked {
  switch (type) {
    case 'number':
      return toNumber(value);
    case 'boolean':
      return toBoolean(value);
    case 'text':
      return toText(value);
    case 'time':
      return toTime(value);
    case 'any':
      return value;
  }
}
