import type { System } from '@perennial/spec';
import type { WatchSettings } from './model.js';

export function watchSettingsOf(system: System): WatchSettings {
  const { windowRows, falseAlarmsPerWindow, decay } = system.monitor;
  return {
    system: system.name,
    source: system.source.name,
    metric: decay.metric,
    windowRows,
    falseAlarmsPerWindow,
    worseThan: decay.worseThan,
  };
}

/** What is known of a version when it is promoted. */
export interface Known {
  /** The gate's metric on its hold-out, as promoted. */
  readonly evaluationValue: number;
  readonly holdoutErrors: { readonly metric: string; readonly value: number } | undefined;
}

/** The value that decay is measured from, where one is known for the watched metric. */
export function baselineOf(system: System, { evaluationValue, holdoutErrors }: Known): number | undefined {
  const { metric } = system.monitor.decay;
  if (metric === system.gate.metric && evaluationValue > 0) return evaluationValue;
  if (holdoutErrors?.metric === metric && holdoutErrors.value > 0) return holdoutErrors.value;
  return undefined;
}
