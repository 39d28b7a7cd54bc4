import { writeFileSync } from 'node:fs';
import { errorDataOf } from '../error-data.js';
import { ModelHost } from '../model-host.js';
import type { ProofAnswer } from './prover.js';

/** The process that model files are tried in: checked, loaded, and run with zeros, as an executor would. */

try {
  // Where memory runs out, this process goes and not the one that serves.
  writeFileSync('/proc/self/oom_score_adj', '1000');
} catch {
  // Not on this system.
}

process.on('disconnect', () => process.exit());
process.on('message', ({ bytes, threads }: { bytes: Uint8Array; threads: number }) => {
  void tried(bytes, threads).then((answer) => process.send?.(answer));
});

async function tried(bytes: Uint8Array, threads: number): Promise<ProofAnswer> {
  const host = new ModelHost({ threads, device: 'cpu', requireDevice: false });
  try {
    await host.load('', bytes, []);
    return { ok: true };
  } catch (thrown) {
    return { ok: false, error: errorDataOf(thrown) };
  } finally {
    await host.close();
  }
}
