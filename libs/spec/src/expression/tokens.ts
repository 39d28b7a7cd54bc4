export interface Token {
  readonly kind: 'number' | 'text' | 'word' | 'quoted' | 'symbol' | 'end';
  /** Words in lower case in `word`; the text as it stands, without quotes, in `text`. */
  readonly text: string;
  readonly word: string;
  /** Where it begins, counted from 1. */
  readonly at: number;
}

const patterns: [Token['kind'] | 'space', RegExp][] = [
  ['space', /\s+/y],
  ['number', /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y],
  ['text', /'(?:[^']|'')*'/y],
  ['quoted', /"(?:[^"]|"")+"/y],
  ['word', /[A-Za-z_][A-Za-z0-9_]*/y],
  ['symbol', /<=|>=|<>|!=|[-+*/%=<>(),]/y],
];

/** Splits an expression; the text after a character that begins nothing is given to `refuse`. */
export function tokensOf(text: string, refuse: (at: number, found: string) => never): Token[] {
  const tokens: Token[] = [];
  let index = 0;
  scan: while (index < text.length) {
    for (const [kind, pattern] of patterns) {
      pattern.lastIndex = index;
      const found = pattern.exec(text)?.[0];
      if (found === undefined) continue;
      if (kind !== 'space') tokens.push(token(kind, found, index + 1));
      index += found.length;
      continue scan;
    }
    refuse(index + 1, text.slice(index, index + 1));
  }
  tokens.push({ kind: 'end', text: '', word: '', at: text.length + 1 });
  return tokens;
}

function token(kind: Token['kind'], found: string, at: number): Token {
  if (kind === 'text') return { kind, text: found.slice(1, -1).replaceAll("''", "'"), word: '', at };
  if (kind === 'quoted') return { kind, text: found.slice(1, -1).replaceAll('""', '"'), word: '', at };
  return { kind, text: found, word: kind === 'word' ? found.toLowerCase() : '', at };
}
