import { invalid } from '@perennial/kernel';
import { nearest } from '../nearest.js';
import type { Expression, Node } from './ast.js';
import { functions, type Operation, operators } from './functions.js';
import { type Token, tokensOf } from './tokens.js';
import { resultsOf, sharedType, typeOf } from './types.js';

/** A feature is a formula, not a program. */
const charactersMax = 1_000;
const nestingMax = 40;
const allowed =
  "allowed are columns, numbers, 'text', true, false, null, + - * / %, = <> < <= > >=, and, or, not, is null, in (...), case when ... end, and " +
  Object.keys(functions).join(', ');

/** Levels of infix operators, loosest first; all are left-associative. */
const levels: readonly (readonly string[])[] = [
  ['or'],
  ['and'],
  ['=', '<>', '!=', '<', '<=', '>', '>='],
  ['+', '-'],
  ['*', '/', '%'],
];
const comparisonLevel = 2;
const reserved = new Set(['and', 'or', 'not', 'is', 'in', 'null', 'case', 'when', 'then', 'else', 'end']);

/**
 * Reads an expression of the safe subset of SQL. Names are columns, in double quotes where they are no plain words.
 *
 * @throws PlatformError EXPRESSION_INVALID, naming `field`, the position and what is allowed
 */
export function parseExpression(text: string, field: string): Expression {
  const refuse = (at: number, message: string): never => {
    throw invalid('EXPRESSION_INVALID', `${field}: "${text}", position ${at}: ${message}; ${allowed}`, {
      field,
    });
  };
  if (text.length > charactersMax) refuse(charactersMax, `it is longer than ${charactersMax} characters`);
  const tokens = tokensOf(text, (at, found) => refuse(at, `"${found}" begins nothing`));
  const root = new Parser(tokens, refuse).whole();
  return { text, root, type: typeOf(root) };
}

class Parser {
  #index = 0;
  #nesting = 0;

  constructor(
    private readonly tokens: readonly Token[],
    private readonly refuse: (at: number, message: string) => never,
  ) {}

  whole(): Node {
    const node = this.#level(0);
    const { kind, at } = this.#peek();
    if (kind !== 'end') this.refuse(at, `${this.#shown()} was not expected here`);
    return node;
  }

  #level(level: number): Node {
    const names = levels[level];
    if (!names) return this.#unary();
    // `not` stands between `and` and the comparisons.
    if (level === comparisonLevel && this.#take('not')) return this.#call('not', [this.#level(level)]);
    let left = this.#level(level + 1);
    for (;;) {
      const { at } = this.#peek();
      const name = names.find((candidate) => this.#take(candidate));
      if (name) {
        left = this.#call(name === '!=' ? '<>' : name, [left, this.#level(level + 1)], at);
      } else if (level === comparisonLevel) {
        const tested = this.#test(left);
        if (!tested) return left;
        left = tested;
      } else return left;
    }
  }

  /** `is [not] null` and `[not] in (...)` after an operand. */
  #test(left: Node): Node | undefined {
    const { at } = this.#peek();
    if (this.#take('is')) {
      const isNot = this.#take('not');
      this.#expect('null');
      const node = this.#call('is null', [left], at);
      return isNot ? this.#call('not', [node], at) : node;
    }
    const isNot = this.#peek(1).word === 'in' && this.#take('not');
    if (!this.#take('in')) return undefined;
    this.#expect('(');
    const node = this.#call('in', [left, ...this.#list()], at);
    return isNot ? this.#call('not', [node], at) : node;
  }

  #unary(): Node {
    const { at } = this.#peek();
    if (this.#take('-')) {
      const operand = this.#nested(() => this.#unary());
      if (operand.kind === 'literal' && typeof operand.value === 'number') {
        return { kind: 'literal', value: -operand.value };
      }
      return this.#call('negate', [operand], at);
    }
    if (this.#take('+')) return this.#nested(() => this.#unary());
    return this.#primary();
  }

  #primary(): Node {
    const token = this.#peek();
    this.#index += 1;
    switch (token.kind) {
      case 'number':
        return { kind: 'literal', value: Number(token.text) };
      case 'text':
        return { kind: 'literal', value: token.text };
      case 'quoted':
        return { kind: 'column', name: token.text };
      case 'word':
        return this.#word(token);
      case 'symbol':
        if (token.text !== '(') break;
        return this.#nested(() => {
          const inner = this.#level(0);
          this.#expect(')');
          return inner;
        });
    }
    this.#index -= 1;
    return this.refuse(token.at, `${this.#shown()} was not expected here`);
  }

  #word({ word, text, at }: Token): Node {
    if (word === 'true' || word === 'false') return { kind: 'literal', value: word === 'true' };
    if (word === 'null') return { kind: 'literal', value: null };
    if (word === 'case') return this.#nested(() => this.#case(at));
    if (this.#take('(')) {
      if (!Object.hasOwn(functions, word)) {
        const meant = nearest(word, Object.keys(functions));
        this.refuse(at, `there is no function ${text}${meant ? `; did you mean ${meant}?` : ''}`);
      }
      return this.#nested(() => this.#call(word, this.#list(), at));
    }
    if (reserved.has(word)) this.refuse(at, `${text} was not expected here`);
    return { kind: 'column', name: text };
  }

  #case(at: number): Node {
    const subject = this.#peek().word === 'when' ? undefined : this.#level(0);
    const branches: { when: Node; result: Node }[] = [];
    while (this.#take('when')) {
      const condition = this.#level(0);
      const when = subject ? this.#call('=', [subject, condition], at) : condition;
      this.#expect('then');
      branches.push({ when, result: this.#level(0) });
    }
    if (branches.length === 0) this.#expect('when');
    const otherwise = this.#take('else') ? this.#level(0) : undefined;
    this.#expect('end');
    const node = { kind: 'case' as const, branches, otherwise };
    const unfit = branches.find(({ when }) => !['boolean', 'any'].includes(typeOf(when)));
    if (unfit) this.refuse(at, 'what stands after "when" is no condition');
    if (!sharedType(resultsOf(node))) this.refuse(at, 'the results of the case are of different types');
    return node;
  }

  /** Arguments after the opening parenthesis, with the closing one. */
  #list(): Node[] {
    const items: Node[] = [];
    if (this.#take(')')) return items;
    do items.push(this.#level(0));
    while (this.#take(','));
    this.#expect(')');
    return items;
  }

  #call(name: string, args: readonly Node[], at = this.#peek().at): Node {
    const operation = (operators[name] ?? functions[name]) as Operation;
    const { takes, isVariadic, optional = 0 } = operation;
    if (args.length < takes.length - optional || (!isVariadic && args.length > takes.length)) {
      this.refuse(
        at,
        `${name} takes ${takes.length - optional}${isVariadic ? ' or more' : optional ? ` or ${takes.length}` : ''} arguments, not ${args.length}`,
      );
    }
    const same = args.filter((_, index) => takes[Math.min(index, takes.length - 1)] === 'same');
    if (!sharedType(same)) this.refuse(at, `the arguments of ${name} are of different types`);
    for (const [index, arg] of args.entries()) {
      const wanted = takes[Math.min(index, takes.length - 1)];
      const type = typeOf(arg);
      if (wanted === 'same' || wanted === 'any' || type === 'any' || type === wanted) continue;
      if (wanted === 'time' && type === 'text') continue;
      this.refuse(at, `${name} takes a ${wanted}, not a ${type}`);
    }
    return { kind: 'call', name, args };
  }

  #nested<T>(work: () => T): T {
    this.#nesting += 1;
    if (this.#nesting > nestingMax) this.refuse(this.#peek().at, `it is nested deeper than ${nestingMax}`);
    const result = work();
    this.#nesting -= 1;
    return result;
  }

  #peek(ahead = 0): Token {
    return this.tokens[Math.min(this.#index + ahead, this.tokens.length - 1)] as Token;
  }

  #take(text: string): boolean {
    const token = this.#peek();
    const isIt = token.kind === 'word' ? token.word === text : token.kind === 'symbol' && token.text === text;
    if (isIt) this.#index += 1;
    return isIt;
  }

  #expect(text: string): void {
    if (!this.#take(text)) this.refuse(this.#peek().at, `"${text}" was expected, not ${this.#shown()}`);
  }

  #shown(): string {
    const { kind, text } = this.#peek();
    return kind === 'end' ? 'the end' : `"${text}"`;
  }
}
