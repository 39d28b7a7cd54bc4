import type { Node, ValueType } from './ast.js';
import { functions, type Operation, operators, type Wanted } from './functions.js';

/** The operation behind a call's name; the parser makes no other names. */
export function operationOf(name: string): Operation {
  return (operators[name] ?? functions[name]) as Operation;
}

export function typeOf(node: Node): ValueType {
  switch (node.kind) {
    case 'literal':
      return typeOfLiteral(node.value);
    case 'column':
      return 'any';
    case 'case':
      return sharedType(resultsOf(node)) ?? 'any';
    case 'call': {
      const { gives } = operationOf(node.name);
      return gives === 'same' ? (sharedType(node.args) ?? 'any') : gives;
    }
  }
}

/** What a case may give. */
export function resultsOf(node: Extract<Node, { kind: 'case' }>): Node[] {
  return [...node.branches.map(({ result }) => result), ...(node.otherwise ? [node.otherwise] : [])];
}

/** What argument `index` of a call is taken as. */
export function wantedOf(node: Extract<Node, { kind: 'call' }>, index: number): ValueType {
  const { takes } = operationOf(node.name);
  const wanted = takes[Math.min(index, takes.length - 1)] as Wanted;
  return wanted === 'same' ? (sharedType(node.args) ?? 'any') : wanted;
}

/** The one type of those that have one, `any` where none has, undefined where two differ. */
export function sharedType(nodes: readonly Node[]): ValueType | undefined {
  const known = new Set(nodes.map(typeOf).filter((type) => type !== 'any'));
  if (known.size > 1) return undefined;
  return [...known][0] ?? 'any';
}

function typeOfLiteral(value: unknown): ValueType {
  if (typeof value === 'number') return 'number';
  if (typeof value === 'boolean') return 'boolean';
  return typeof value === 'string' ? 'text' : 'any';
}
