#!/usr/bin/env node
import { RequestError } from '@perennial/client';
import { PlatformError } from '@perennial/kernel';
import { program } from './program.js';

// Whoever reads has enough, as `head` has: that is no failure, and no stack for a person to read.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

try {
  await program().parseAsync(process.argv);
} catch (thrown) {
  if (!(thrown instanceof RequestError) && !(thrown instanceof PlatformError)) throw thrown;
  const asJson = process.argv.includes('--json');
  process.stderr.write(
    asJson
      ? `${JSON.stringify({ error: { code: thrown.code, message: thrown.message, field: thrown.field } })}\n`
      : `perennial: ${thrown.message} (${thrown.code})\n`,
  );
  process.exitCode = 1;
}
