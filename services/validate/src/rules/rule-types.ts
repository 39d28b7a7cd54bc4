import { invalid } from '@perennial/kernel';
import type { ColumnSchema, Expression, SchemaDocument } from '@perennial/spec';

type Node = Expression['root'];
type Type = 'number' | 'boolean' | 'text' | 'time';

/** Arguments of these are compared with each other, or one of them is the result. */
const alike = new Set(['=', '<>', '<', '<=', '>', '>=', 'in', 'coalesce', 'greatest', 'least', 'nullif']);
const conditions = new Set(['=', '<>', '<', '<=', '>', '>=', 'in', 'and', 'or', 'not', 'is null']);
const texts = new Set(['lower', 'upper']);
const choices = new Set(['coalesce', 'greatest', 'least', 'nullif']);
const numbers = new Set(['+', '-', '*', '/', '%', 'negate', 'abs', 'round', 'floor', 'ceil', 'length']);

/**
 * A rule that compares a number with a text has no answer that a row in memory and a segment in SQL would share, so it
 * is refused when it is written.
 *
 * @throws PlatformError SCHEMA_RULE_TYPES
 */
export function checkRuleTypes(expression: Expression, document: SchemaDocument, field: string): void {
  const typeOf = (node: Node): Type | undefined => {
    switch (node.kind) {
      case 'literal':
        return typeOfLiteral(node.value);
      case 'column': {
        const column = document.columns[node.name];
        return column && typeOfColumn(column);
      }
      case 'case':
        for (const { when } of node.branches) typeOf(when);
        return shared([
          ...node.branches.map(({ result }) => result),
          ...(node.otherwise ? [node.otherwise] : []),
        ]);
      case 'call': {
        const type = alike.has(node.name) ? shared(node.args) : node.args.map(typeOf) && undefined;
        if (conditions.has(node.name)) return 'boolean';
        if (texts.has(node.name)) return 'text';
        if (numbers.has(node.name)) return 'number';
        return choices.has(node.name) ? type : undefined;
      }
    }
  };
  const shared = (nodes: readonly Node[]): Type | undefined => {
    const ofNodes = nodes.map((node) => ({ node, type: typeOf(node) }));
    const hasTime = ofNodes.some(({ type }) => type === 'time');
    // A time that is written out is a text, and may stand beside one.
    const compared = ofNodes.filter(({ node }) => !(hasTime && isText(node)));
    const types = new Set(compared.map(({ type }) => type).filter((type) => type !== undefined));
    if (types.size <= 1) return [...types][0];
    throw invalid(
      'SCHEMA_RULE_TYPES',
      `${field}: "${expression.text}" sets a ${[...types].join(' beside a ')}; compare values of one type`,
      { field },
    );
  };
  typeOf(expression.root);
}

function isText(node: Node): boolean {
  return node.kind === 'literal' && typeof node.value === 'string';
}

function typeOfColumn({ type }: ColumnSchema): Type {
  if (type === 'integer') return 'number';
  return type === 'list' ? 'text' : type;
}

function typeOfLiteral(value: unknown): Type | undefined {
  if (typeof value === 'string') return 'text';
  return typeof value === 'number' || typeof value === 'boolean' ? (typeof value as Type) : undefined;
}
