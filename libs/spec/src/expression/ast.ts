/** What a node gives; `any` where only the data can tell (a column, or a choice between columns). */
export type ValueType = 'number' | 'text' | 'boolean' | 'time' | 'any';

export type Value = number | string | boolean | null;

export type Node =
  | { readonly kind: 'literal'; readonly value: Value }
  | { readonly kind: 'column'; readonly name: string }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Node[] }
  | {
      readonly kind: 'case';
      readonly branches: readonly { readonly when: Node; readonly result: Node }[];
      readonly otherwise: Node | undefined;
    };

/** A parsed, checked expression; made by `parseExpression` only. */
export interface Expression {
  readonly text: string;
  readonly root: Node;
  /** What it gives; `any` where only the data can tell. */
  readonly type: ValueType;
}

/** Columns it reads, each once, in order of appearance. */
export function columnsOfExpression({ root }: Expression): string[] {
  const names = new Set<string>();
  const visit = (node: Node): void => {
    if (node.kind === 'column') names.add(node.name);
    else if (node.kind === 'call') node.args.forEach(visit);
    else if (node.kind === 'case') {
      for (const { when, result } of node.branches) [when, result].forEach(visit);
      if (node.otherwise) visit(node.otherwise);
    }
  };
  visit(root);
  return [...names];
}
