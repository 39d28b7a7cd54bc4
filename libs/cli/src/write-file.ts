import { open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { invalid } from '@perennial/kernel';

/**
 * Writes an answer's body to a file, which appears whole or not at all.
 *
 * @throws PlatformError FILE_UNWRITABLE
 */
export async function writeBody(output: string, response: Response): Promise<void> {
  const part = `${output}.part`;
  const file = await open(part, 'w').catch(async (cause: Error) => {
    await response.body?.cancel();
    throw invalid('FILE_UNWRITABLE', `cannot write ${output}: ${reasonOf(cause, output)}`, {
      cause,
      field: 'output',
    });
  });
  try {
    const body = response.body as Parameters<typeof Readable.fromWeb>[0] | null;
    // The stream closes the file.
    await pipeline(body ? Readable.fromWeb(body) : [], file.createWriteStream());
    await rename(part, output);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

function reasonOf({ code, message }: NodeJS.ErrnoException, output: string): string {
  if (code === 'ENOENT') return `there is no folder ${path.dirname(output)}; make it first`;
  return message.replace(/^[A-Z0-9]+: /, '').replace(/, \w+( '.*')?$/, '');
}

/**
 * The format of a file by what was said, or else by its ending.
 *
 * @throws PlatformError FORMAT_UNKNOWN where neither names one of `formats`, of which the first is the usual one
 */
export function fileFormat<F extends string>(
  { format, output }: { format?: string | undefined; output?: string | undefined },
  formats: readonly [F, ...F[]],
): F {
  const ending = output === undefined ? '' : path.extname(output).slice(1).toLowerCase();
  const named = format ?? (ending || formats[0]);
  const found = formats.find((one) => one === named);
  if (found) return found;
  const what = format === undefined ? `--output: "${output}" must end in` : `--format: "${format}" must be`;
  throw invalid('FORMAT_UNKNOWN', `${what} ${formats.join(' or ')}`, {
    field: format === undefined ? 'output' : 'format',
  });
}
