import { PlatformError } from '@perennial/kernel';
import { describe, expect, test } from 'vitest';
import { readConfig, variableOf, z } from '../src/mod.js';

const shape = {
  retryMsMax: z.coerce.number().int().positive().default(500).describe('The longest wait.'),
  apiToken: z.string().optional(),
};

const failureOf = (env: NodeJS.ProcessEnv) => {
  try {
    readConfig(shape, env);
  } catch (error) {
    if (error instanceof PlatformError) return error;
  }
  return expect.fail('expected a PlatformError');
};

describe('settings', () => {
  test('come from the environment under one name, or by default, and say which', () => {
    const env = { PERENNIAL_RETRY_MS_MAX: '70', PERENNIAL_PEERS: 'a=127.0.0.1:1,b=127.0.0.1:2', OTHER: 'x' };
    const { settings, common, shown } = readConfig(shape, env);
    expect(settings).toEqual({ retryMsMax: 70 });
    expect([...common.peers]).toEqual([
      ['a', '127.0.0.1:1'],
      ['b', '127.0.0.1:2'],
    ]);
    expect(common).toMatchObject({ tenant: 'default', logLevel: 'info' });
    expect(shown['PERENNIAL_RETRY_MS_MAX']).toEqual({ value: 70, from: 'environment' });
    expect(readConfig(shape, { PERENNIAL_RETRY_MS_MAX: '' }).shown['PERENNIAL_RETRY_MS_MAX']).toEqual({
      value: 500,
      from: 'default',
    });
    expect(variableOf('memoryBudgetMiB')).toBe('PERENNIAL_MEMORY_BUDGET_MIB');
  });

  test('that nobody knows are refused by name, with those that there are', () => {
    const error = failureOf({ PERENNIAL_RETRY_MAX: '1' });
    expect(error).toMatchObject({ code: 'CONFIG_UNKNOWN', field: 'PERENNIAL_RETRY_MAX' });
    expect(error.message).toContain('PERENNIAL_RETRY_MS_MAX');
  });

  test('that are wrong are refused by name, with what they mean', () => {
    const error = failureOf({ PERENNIAL_RETRY_MS_MAX: 'soon' });
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', field: 'PERENNIAL_RETRY_MS_MAX' });
    expect(error.message).toContain('The longest wait.');
    expect(failureOf({ LOG_LEVEL: 'loud' }).message).toContain('debug, info, warn, error');
    expect(failureOf({ PERENNIAL_PEERS: 'inference' }).message).toContain('name=host:port');
  });

  test('that are secret are masked where they are shown', () => {
    const { shown } = readConfig(shape, {
      PERENNIAL_API_TOKEN: 'hunter2',
      DATABASE_URL: 'postgres://me:hunter2@db:5432/x',
    });
    expect(JSON.stringify(shown)).not.toContain('hunter2');
    expect(shown['DATABASE_URL']?.value).toBe('postgres://me:***@db:5432/x');
  });
});
