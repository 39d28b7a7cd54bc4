import { describe, expect, it } from 'vitest';
import {
  columnsOfExpression,
  evaluateCondition,
  evaluateExpression,
  expressionToSql,
  parseExpression,
} from '../src/mod.js';

const evaluate = (text: string, row: Record<string, unknown> = {}) =>
  evaluateExpression(parseExpression(text, 'expr'), row);
const message = (text: string) => {
  try {
    parseExpression(text, 'features[3].expr');
  } catch (thrown) {
    expect(thrown).toMatchObject({ code: 'EXPRESSION_INVALID', field: 'features[3].expr' });
    return (thrown as Error).message;
  }
  throw new Error(`accepted: ${text}`);
};

describe('an expression', () => {
  it('binds as in SQL', () => {
    expect(evaluate('1 + 2 * 3 - -4')).toBe(11);
    expect(evaluate('not 1 = 2 and 2 = 2 or false')).toBe(true);
    expect(evaluate('(month(date) % 12) / 3', { date: new Date('2012-05-01') })).toBe(5 / 3);
    expect(evaluate("case origin when 'SEA' then 1 when 'PDX' then 2 end", { origin: 'PDX' })).toBe(2);
  });

  it('as a condition reads numbers and words as SQL does, and a time as neither true nor false', () => {
    const meets = (a: unknown) => evaluateCondition(parseExpression('a', 'when'), { a });
    expect([true, 7, 'Yes', 't'].map(meets)).toEqual([true, true, true, true]);
    expect([false, 0, 'NO', 'f'].map(meets)).toEqual([false, false, false, false]);
    expect([null, 'on', new Date('2021-02-28T23:59:59Z'), new Date(0)].map(meets)).toEqual(
      Array(4).fill(null),
    );
  });

  it('of SQL null is null, and so is what a row does not have', () => {
    expect(evaluate('a + 1', {})).toBe(null);
    expect(evaluate('constructor', {})).toBe(null);
    expect(evaluate('a > 1 and false', {})).toBe(false);
    expect(evaluate('a is null or b is not null', {})).toBe(true);
    expect(evaluate('coalesce(a, 3)', { a: null })).toBe(3);
    expect(evaluate('greatest(a, 3)', {})).toBe(3);
    expect(evaluate("x in ('a', null)", { x: 'b' })).toBe(null);
  });

  it('takes event times as dates or ISO text, in UTC', () => {
    for (const date of [
      '2012-02-29',
      '2012-02-29T23:30:00Z',
      '2012-03-01T00:30:00+01:00',
      new Date('2012-02-29T23:30Z'),
    ]) {
      expect(evaluate('day(date)', { date })).toBe(29);
    }
    expect(evaluate('dayofweek(date)', { date: '2012-01-01' })).toBe(0);
    expect(evaluate('dayofyear(date)', { date: '2012-12-31' })).toBe(366);
    expect(evaluate('hour(date)', { date: 5 })).toBe(null);
  });

  it('rounds half away from zero', () => {
    expect(['2.5', '-2.5', '0.49999999999999994', '1.005'].map((x) => evaluate(`round(${x})`))).toEqual([
      3, -3, 0, 1,
    ]);
    expect(evaluate('round(1234.567, -2)')).toBe(1200);
  });

  it('tells the columns that it reads', () => {
    const expression = parseExpression(
      'case when "a b" > x then x else lower(y) = \'q\' end is null',
      'expr',
    );
    expect(columnsOfExpression(expression)).toEqual(['a b', 'x', 'y']);
  });

  it('becomes SQL in which nothing stands as it was written', () => {
    const sql = expressionToSql(parseExpression(`"x""; drop table t" = 'it''s'`, 'expr'), () => 'COLUMN');
    expect(sql).toBe(`(try_cast(COLUMN as varchar) = 'it''s')`);
  });

  it.each([
    ['a +', 'position 4: the end was not expected'],
    ['a ; b', 'position 3: ";" begins nothing'],
    ['read_text(a)', 'there is no function read_text'],
    ['sqr(a)', 'did you mean sqrt?'],
    ['abs(1, 2)', 'abs takes 1 arguments, not 2'],
    ["'a' + 1", '+ takes a number, not a text'],
    ["a = 'x' + 1", 'takes a number'],
    ["case when a > 1 then 'x' else 2 end", 'of different types'],
    ['select', undefined],
    ['a b', 'position 3: "b" was not expected'],
    ['(a', '")" was expected, not the end'],
    [`${'('.repeat(50)}a${')'.repeat(50)}`, 'nested deeper'],
    [`${'a+'.repeat(600)}a`, 'longer than'],
    ['a is 3', '"null" was expected'],
  ])('%s is refused by position, with what is allowed', (text, says) => {
    if (says === undefined) {
      expect(evaluate(text, { select: 1 })).toBe(1);
      return;
    }
    expect(message(text)).toContain(says);
    expect(message(text)).toContain('coalesce');
  });
});
