import type { ArtifactStore } from '@perennial/artifacts';
import type { TestModelRequest } from '@perennial/contracts';
import { asPlatformError } from '@perennial/kernel';
import type { Tensor } from '@perennial/runtime';
import { mismatch, percentile, tensorsOf } from '../decide/golden.js';
import { inferenceLimits } from '../limits.js';
import { type ModelManifest, parseManifest } from '../manifest.js';
import { digestIn, type Models } from '../models.js';

/** What came of a test, as the API says it. */
export interface Tested {
  readonly passed: boolean;
  readonly reason: string;
  readonly goldenRequests: number;
  readonly latencyP50Ms: number;
  readonly latencyP99Ms: number;
  readonly memoryBytes: number;
}

interface Testing {
  readonly models: Models;
  readonly artifacts: ArtifactStore;
  readonly testRuns: number;
}

/** Executors that a model may end before it is said to do so by itself. */
const crashesMax = 2;

/**
 * Tries a model in this very server: loads it, asks it its golden requests, and measures single rows one after the
 * other, which is what a lone client sees. A model that is at fault fails the test with a reason.
 *
 * @throws PlatformError of the store, where the test could not be made and may be later
 */
export async function testModel(testing: Testing, request: TestModelRequest): Promise<Tested> {
  const { digest, manifestDigest, model, version, signature } = request;
  for (let crashes = 0; ; crashes++) {
    try {
      const bytes = await testing.artifacts.get(digestIn('manifest_digest', manifestDigest));
      const manifest = parseManifest(new TextDecoder().decode(bytes));
      if (manifest.model.digest !== digest) {
        return failed(`the manifest is of another model, ${manifest.model.digest}`);
      }
      const golden = manifest.golden.map((one) => tensorsOf(manifest, one));
      const { memoryBytes } = await testing.models.load(digest, { name: model, version, signature, golden });
      return { ...(await tried(testing, manifest, request)), memoryBytes };
    } catch (thrown) {
      const error = asPlatformError(thrown);
      const isCrash = error.code === 'EXECUTOR_CRASHED';
      if (isCrash && crashes < crashesMax) continue;
      if (isCrash || error.retry === 'never') return failed(`${error.code}: ${error.message}`);
      throw error;
    }
  }
}

async function tried(
  { models, testRuns }: Testing,
  manifest: ModelManifest,
  { digest, model }: TestModelRequest,
): Promise<Omit<Tested, 'memoryBytes'>> {
  const { golden, output } = manifest;
  if (golden.length === 0) return failed('the manifest has no golden requests; the trainer must write some');
  const run = (inputs: Tensor[]) => models.runtime.infer(digestIn('digest', digest), model, inputs);
  const rows = golden.map((request) => tensorsOf(manifest, request));
  for (const [at, { output: wanted }] of golden.entries()) {
    const { outputs } = await run(rows[at] ?? []);
    const reason = mismatch(at, wanted, outputs, output.name);
    if (reason) return { ...failed(reason), goldenRequests: golden.length };
  }
  const times: number[] = [];
  for (let at = -inferenceLimits.warmUpRuns; at < testRuns; at++) {
    const startedAt = performance.now();
    await run(rows[(at + inferenceLimits.warmUpRuns) % rows.length] ?? []);
    if (at >= 0) times.push(performance.now() - startedAt);
  }
  return {
    passed: true,
    reason: '',
    goldenRequests: golden.length,
    latencyP50Ms: percentile(times, 0.5),
    latencyP99Ms: percentile(times, 0.99),
  };
}

function failed(reason: string): Tested {
  return { passed: false, reason, goldenRequests: 0, latencyP50Ms: 0, latencyP99Ms: 0, memoryBytes: 0 };
}
