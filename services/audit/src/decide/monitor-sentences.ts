import type { Decay, FeatureDrift, VariantReward } from '@perennial/contracts';
import type { Sentences } from './sentences.js';
import { because, count, list, number, span } from './words.js';

type MonitorEvent =
  | 'driftReportRecorded'
  | 'rewardRecorded'
  | 'alertRaised'
  | 'deadLetterRecorded'
  | 'deadLetterDecided';

export const monitorSentences: Sentences<MonitorEvent> = {
  driftReportRecorded: ({ system, modelVersion, windowRows, dataTimeFrom, dataTimeTo, features, decay }) => {
    const drifted = features.filter((feature) => feature.drifted);
    const drift = drifted.length ? `drift in ${list(drifted.map(moved))}` : 'no drift in its features';
    return `over ${count(windowRows, 'prediction')}${span(dataTimeFrom, dataTimeTo)} version ${modelVersion} of ${system} had ${drift}${decay ? ` and ${decayed(decay)}` : ''}`;
  },
  rewardRecorded: ({ system, sinceEpoch, variants }) =>
    `since epoch ${sinceEpoch} the variants of ${system} earned ${list(variants.map(earned))}`,
  alertRaised: ({ kind, system, text }) => `alert ${kind}${system ? ` for ${system}` : ''}${because(text)}`,
  deadLetterRecorded: ({ consumer, eventType, attempts, code, reason }) =>
    `${consumer} set ${eventType || 'a message'} aside after ${count(attempts, 'attempt')} with ${code}${because(reason)}`,
  deadLetterDecided: ({ decision, decidedBy, reason }) =>
    `${decidedBy || 'somebody'} ${decision} a message that was set aside${because(reason)}`,
};

function earned({ version, rows, mean }: VariantReward): string {
  return `${number(mean)} by version ${version} over ${count(rows, 'row')}`;
}

function moved({ feature, statistic, value, pAdjusted, effect }: FeatureDrift): string {
  return `${feature} (${statistic} ${number(value)}, p ${number(pAdjusted)}, effect ${number(effect)})`;
}

function decayed({ metric, value, baseline, rows, decayed: isDecayed }: Decay): string {
  return `${isDecayed ? 'decay' : 'no decay'}: ${metric} ${number(value)} on ${count(rows, 'labelled row')} against ${number(baseline)} when it was evaluated`;
}
