import { readFileSync } from 'node:fs';
import { evaluateExpression, expressionToSql, parseExpression, parseSystem } from '@perennial/spec';
import { openTables, quoteIdentifier } from '@perennial/tables';
import { afterAll, describe, expect, it } from 'vitest';

const tables = await openTables({});
afterAll(() => tables.close());

const page = readFileSync(new URL('../../../../docs/expressions.md', import.meta.url), 'utf8');
const row = JSON.parse(/this row: `(\{.*\})`/.exec(page)?.[1] ?? '') as Record<string, unknown>;
const tableAfter = (heading: string) =>
  (page.split(heading)[1] ?? '')
    .split('\n\n')[0]
    ?.split('\n')
    .filter((line) => line.startsWith('| `')) ?? [];
const code = (line: string) => [...line.matchAll(/`([^`]+)`/g)].map(([, text]) => text as string);
const examples = tableAfter('| expression | gives | |').map((line) => code(line).slice(0, 2));
const refused = tableAfter('| refused | |').map((line) => code(line)[0] as string);

describe('docs/expressions.md', () => {
  it.each(examples)('says of %s what it gives, here and in DuckDB', async (text, gives) => {
    const expression = parseExpression(text as string, 'expr');
    const wanted = JSON.parse(gives as string) as unknown;
    expect(evaluateExpression(expression, { ...row, at: new Date(String(row['at'])) })).toEqual(wanted);
    const sql = expressionToSql(expression, (name) => (name in row ? quoteIdentifier(name) : 'null'));
    const [found] = await tables.rows(
      `select ${sql} as v from (select 2.5::double as x, null::double as n, 'Oslo' as city, timestamp '2012-02-29 23:30:00' as at)`,
    );
    expect(found?.['v']).toEqual(wanted);
  });

  it('has an example of every function that there is', () => {
    let allowed = '';
    try {
      parseExpression('nothing_like_it(1)', 'expr');
    } catch (thrown) {
      allowed = String((thrown as Error).message);
    }
    const functions = allowed.split('case when ... end, and ')[1]?.split(', ') ?? [];
    expect(functions.length).toBeGreaterThan(20);
    const shown = examples.map(([text]) => text).join(' ');
    expect(functions.filter((name) => !shown.includes(`${name}(`))).toEqual([]);
  });

  it.each(refused)('is right that %s is refused', (text) => {
    expect(() => parseExpression(text, 'expr')).toThrowError(
      expect.objectContaining({ code: 'EXPRESSION_INVALID' }),
    );
  });

  it('shows features that are read', () => {
    const yaml = /```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
    const { features } = parseSystem(`
apiVersion: perennial/v1
kind: System
name: shown
source: { name: trips, time: date, key: [tail] }
label: { column: late, task: classification, arrives: { within: 1h } }
${yaml}
gate: { metric: auc, hold-out: { last: 20 rows } }
monitor: { window: 20 rows, decay: { metric: auc, worse-than: 10% } }
`);
    expect(features.map(({ kind }) => kind)).toEqual([
      'column',
      'expr',
      'column',
      'window',
      'lookup',
      'embedding',
    ]);
  });
});
