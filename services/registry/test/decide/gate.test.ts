import { create } from '@bufbuild/protobuf';
import { ScoreSchema } from '@perennial/contracts';
import { describe, expect, test } from 'vitest';
import { judge } from '../../src/decide/gate.js';
import { evaluation, plan } from './states.js';

const champion = { digest: 'sha256:champion', value: 2 };

describe('the gate', () => {
  test.each([
    ['clearly better', { value: 1.9, champion }, true, 'better by 5 %'],
    ['hardly better', { value: 1.91, champion }, false, 'not better by 5 %'],
    ['equal to a perfect champion', { value: 0, champion: { ...champion, value: 0 } }, false, 'not better'],
    ['not a number', { value: Number.NaN, champion }, false, 'no mae'],
    [
      'judged against another champion',
      { value: 1, champion: { ...champion, digest: 'x' } },
      false,
      'not compared',
    ],
    ['judged against nobody', { value: 1 }, false, 'not compared'],
  ])('%s', (_name, scores, passed, text) => {
    const verdict = judge(evaluation('run', 'rollout', scores), plan, champion.digest);
    expect(verdict).toMatchObject({ passed, reason: expect.stringContaining(text) });
  });

  test('measures what is missing to 1 where more is better', () => {
    const auc = (value: number) => ({
      ...evaluation('run', 'rollout', { value, champion: { ...champion, value: 0.9 } }),
      metric: 'auc',
    });
    expect(judge(auc(0.906), { ...plan, metric: 'auc' }, champion.digest).passed).toBe(true);
    expect(judge(auc(0.904), { ...plan, metric: 'auc' }, champion.digest).passed).toBe(false);
  });

  test('refuses an evaluation of another metric', () => {
    const verdict = judge(evaluation('run', 'rollout', { value: 1, champion }), { ...plan, metric: 'rmse' });
    expect(verdict.reason).toContain('asks for rmse');
  });

  test('without a champion asks for more than the constant baseline', () => {
    expect(judge(evaluation('run', 'rollout', { value: 1, baseline: 2 }), plan).passed).toBe(true);
    expect(judge(evaluation('run', 'rollout', { value: 2, baseline: 2 }), plan).passed).toBe(false);
    const none = { ...evaluation('run', 'rollout'), baselines: [] };
    expect(judge(none, plan).reason).toContain('no baseline');
  });

  test('judges slices with rows enough, and only those', () => {
    const sliced = { ...plan, slices: [{ column: 'season', minRows: 50 }] };
    const withSlice = (rows: number) => ({
      ...evaluation('run', 'rollout', { value: 1, champion }),
      slices: [
        {
          $typeName: 'perennial.v1.SliceScore' as const,
          column: 'season',
          value: '3',
          rows,
          candidate: 3,
          champion: 2,
        },
      ],
    });
    expect(judge(withSlice(50), sliced, champion.digest)).toMatchObject({
      passed: false,
      reason: expect.stringContaining('worse where season is 3'),
    });
    expect(judge(withSlice(49), sliced, champion.digest)).toMatchObject({
      passed: true,
      reason: expect.stringContaining('no slice had rows enough'),
    });
  });

  test('with confidence wants the whole interval on the right side', () => {
    const judged = evaluation('run', 'rollout', { value: 1, champion });
    const candidate = (intervalHigh: number) => ({
      ...judged,
      candidate: create(ScoreSchema, { name: 'candidate', value: 1, intervalLow: 0.5, intervalHigh }),
    });
    const confident = { ...plan, withConfidence: true };
    expect(judge(candidate(1.9), confident, champion.digest).passed).toBe(true);
    expect(judge(candidate(2.1), confident, champion.digest).reason).toContain('not with confidence');
  });
});
