import type { Encode } from './features.js';
import type { Reader } from './reader.js';

const kinds = ['one-hot', 'ordinal', 'frequency', 'target', 'standard', 'min-max', 'impute'] as const;
/** Texts that get an input of their own where nothing is said: a tree or a line can still tell them apart. */
const oneHotDefault = 20;
const oneHotMax = 500;
/** As the trainers encode texts where nothing is said. */
const priorRowsDefault = 10;

/** `{}` where nothing is said; undefined where it is wrong. */
export function readEncode(at: Reader): { encode?: Encode } | undefined {
  if (at.isAbsent) return {};
  if (typeof at.value !== 'object') {
    const kind = at.choice(kinds);
    if (kind === 'impute') return at.report('say with what: encode: { impute: median }, mean or a number');
    return kind && { encode: byDefault(kind) };
  }
  const fields = at.fields(['one-hot', 'target', 'impute']);
  if (!fields) return undefined;
  const given = (['one-hot', 'target', 'impute'] as const).filter((kind) => !fields[kind].isAbsent);
  if (given.length !== 1) return at.report('write one of one-hot, target or impute with its settings');
  if (given[0] === 'impute') return readImpute(fields.impute);
  if (given[0] === 'target') {
    const prior = fields.target.fields(['prior'])?.prior.counted('row');
    return prior === undefined ? undefined : { encode: { kind: 'target', priorRows: prior } };
  }
  const max = fields['one-hot'].fields(['max'])?.max.counted('text', { min: 1 });
  if (max !== undefined && max > oneHotMax)
    return fields['one-hot'].report(`at most ${oneHotMax} are allowed`);
  return max === undefined ? undefined : { encode: { kind: 'one-hot', max } };
}

function byDefault(kind: Exclude<(typeof kinds)[number], 'impute'>): Encode {
  if (kind === 'one-hot') return { kind, max: oneHotDefault };
  return kind === 'target' ? { kind, priorRows: priorRowsDefault } : { kind };
}

function readImpute(at: Reader): { encode: Encode } | undefined {
  const value = typeof at.value === 'number' ? at.number() : at.choice(['mean', 'median']);
  return value === undefined ? undefined : { encode: { kind: 'impute', with: value } };
}
