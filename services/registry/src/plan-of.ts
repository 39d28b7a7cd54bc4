import { parseEventTime } from '@perennial/kernel';
import { type System, systemFromJson } from '@perennial/spec';
import type { RolloutPlan, SystemState } from './decide/state.js';
import { serveSettings } from './serve-settings.js';

/** What decisions need of a system.yaml. */
export type SystemSettings = Pick<
  SystemState,
  'pool' | 'serve' | 'onDecay' | 'firstTrainingLabelsMin' | 'isLabelInRow' | 'trainsUntil' | 'plan'
>;

/** Reads it from a system's canonical JSON; the same text is read once, since a decision is made for each batch. */
export function settingsReader(firstTrainingLabelsMin: number): (specJson: string) => SystemSettings {
  const known = new Map<string, SystemSettings>();
  return (specJson) => {
    const found = known.get(specJson);
    if (found) return found;
    const system = systemFromJson(specJson);
    const settings = {
      pool: system.serve.pool,
      serve: serveSettings(system.serve),
      onDecay: system.onDecay,
      firstTrainingLabelsMin: Math.max(firstTrainingLabelsMin, system.gate.holdOutRows * holdOutsMin),
      isLabelInRow: system.label.expr !== undefined,
      trainsUntil: 'to' in system.train.on ? parseEventTime(system.train.on.to, 'train.on.to') : undefined,
      plan: planOf(system),
    };
    if (known.size >= systemsKept) known.clear();
    known.set(specJson, settings);
    return settings;
  };
}

/** A first training set should be larger than its hold-out, or the judgement says more about luck than the model. */
const holdOutsMin = 2;
/** Versions of system.yaml that are kept parsed. */
const systemsKept = 1_000;

function planOf({ gate, serve }: System): RolloutPlan {
  return {
    metric: gate.metric,
    betterBy: gate.betterBy,
    withConfidence: gate.confidence !== undefined,
    slices: gate.slices,
    servingP99MsMax: gate.serving.p99Ms,
    servingMemoryBytesMax: gate.serving.memoryBytes,
    shadowPredictions: serve.rollout.shadowPredictions,
    canaryShares: serve.rollout.canaryShares,
    stepPredictions: serve.rollout.stepPredictions,
  };
}
