import type { TestAnswer } from './facts.js';
import type { Verdict } from './gate.js';
import { show } from './metric.js';
import type { RolloutPlan } from './state.js';

const MiB = 1024 * 1024;

/** Whether a candidate behaves in the real server: golden answers right, fast and small enough. */
export function judgeServing(answer: TestAnswer, plan: RolloutPlan): Verdict {
  if (!answer.passed)
    return { passed: false, reason: answer.reason || 'the test in the inference service failed' };
  const { servingP99MsMax: p99Max, servingMemoryBytesMax: memoryMax } = plan;
  if (p99Max !== undefined && answer.latencyP99Ms > p99Max) {
    return {
      passed: false,
      reason: `too slow: p99 ${show(answer.latencyP99Ms)} ms, and gate.serving.p99 allows ${show(p99Max)} ms`,
    };
  }
  if (memoryMax !== undefined && answer.memoryBytes > memoryMax) {
    return {
      passed: false,
      reason: `too large: ${show(answer.memoryBytes / MiB)} MiB, and gate.serving.memory allows ${show(memoryMax / MiB)} MiB`,
    };
  }
  return {
    passed: true,
    reason: `${answer.goldenRequests} golden requests answered as in training, p99 ${show(answer.latencyP99Ms)} ms, ${show(answer.memoryBytes / MiB)} MiB`,
  };
}
