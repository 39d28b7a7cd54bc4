import { parseSystem } from '@perennial/spec';
import { describe, expect, it } from 'vitest';
import { refusalOf } from '../../src/decide/split.js';
import { exampleYaml } from '../house.js';

const flights = parseSystem(exampleYaml('late-flights').replace('last: 20000 rows', 'last: 50 rows'));
const enough = { rows: 900, rowsInSpan: 500, labelledInSpan: 400, labelsInTraining: 2, absent: [] };

describe('a training set', () => {
  it('is made where enough labelled rows remain beside the hold-out', () => {
    expect(refusalOf(flights, enough, 350)).toBeUndefined();
    expect(refusalOf(flights, enough, 351)).toBe(
      '400 of the 500 verified rows from 2001-01-01 to before 2001-02-01 have a label ("late"); the hold-out takes the last 50 and at least 351 must remain for training',
    );
  });

  it('of a classification needs both classes among the rows for training', () => {
    expect(refusalOf(flights, { ...enough, labelsInTraining: 1 }, 10)).toContain(
      'one value only in the 350 rows',
    );
    expect(refusalOf(flights, { ...enough, labelsInTraining: 3 }, 10)).toContain('more than two values');
  });

  it('is refused without rows, and where no row has what a feature names', () => {
    expect(refusalOf(flights, { ...enough, rows: 0 }, 10)).toContain('no verified row');
    expect(refusalOf(flights, { ...enough, absent: ['gate'] }, 10)).toContain(
      '900 verified rows of flights has the column "gate"',
    );
  });
});
