import { PlatformError } from '@perennial/kernel';
import type { ErrorData } from './executor-messages.js';

/** What is thrown beside a model, as plain data. What we do not know is what the engine said of the request. */
export function errorDataOf(thrown: unknown): ErrorData {
  if (thrown instanceof PlatformError) {
    const { code, fault, retry, message, internal, field } = thrown;
    return { code, fault, retry, message, internal, field };
  }
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return {
    code: 'MODEL_RUN_FAILED',
    fault: 'caller',
    retry: 'never',
    message: `the model refused the request: ${text.slice(0, 300)}`,
    internal: thrown instanceof Error ? thrown.stack : text,
  };
}

/** And back. */
export function errorOf({ code, fault, retry, message, internal, field }: ErrorData): PlatformError {
  return new PlatformError(code, fault, retry, message, {
    ...(internal !== undefined && { internal }),
    ...(field !== undefined && { field }),
  });
}
