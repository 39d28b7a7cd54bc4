import { ReviewVerdict, RolloutPhase, RolloutTrigger, type Route, RouteRole } from '@perennial/contracts';
import type { Sentences } from './sentences.js';
import { because, bytes, count, list, number, percent, plain } from './words.js';

type ModelEvent =
  | 'systemApplied'
  | 'rolloutRequested'
  | 'rolloutAdvanced'
  | 'modelRegistered'
  | 'modelTested'
  | 'modelPromoted'
  | 'deploymentUpdated'
  | 'reviewConcluded';

const triggers: Readonly<Record<RolloutTrigger, string>> = {
  [RolloutTrigger.UNSPECIFIED]: '',
  [RolloutTrigger.FIRST]: ', its first',
  [RolloutTrigger.REVIEW]: ' after a review',
  [RolloutTrigger.PERSON]: ' by a person',
};

const verdicts: Readonly<Record<ReviewVerdict, string>> = {
  [ReviewVerdict.UNSPECIFIED]: 'came to no verdict',
  [ReviewVerdict.WORLD_CHANGED]: 'found that the world changed',
  [ReviewVerdict.DATA_BROKEN]: 'found that the data is broken',
  [ReviewVerdict.NO_CHANGE]: 'found no change',
};

export const modelSentences: Sentences<ModelEvent> = {
  systemApplied: ({ system, version, appliedBy }) =>
    `${appliedBy || 'somebody'} applied version ${version} of system ${system}`,
  rolloutRequested: ({ system, trigger, champion }) =>
    `a new model of ${system} was asked for${triggers[trigger]}; ${champion?.version ? `version ${champion.version} was champion` : 'nothing served yet'}`,
  rolloutAdvanced: ({ system, from, to, reason, modelVersion }) =>
    `the rollout of ${modelVersion ? `version ${modelVersion} of ` : ''}${system} went from ${plain(RolloutPhase[from])} to ${plain(RolloutPhase[to])}${because(reason)}`,
  modelRegistered: ({ system, version, bytes: size, digest }) =>
    `version ${version} of ${system} was registered: ${bytes(size)}, ${digest.slice(0, 'sha256:'.length + 12)}`,
  modelTested: ({ system, version, passed, reason, goldenRequests, latencyP99Ms, memoryBytes }) =>
    `version ${version} of ${system} ${passed ? 'passed' : 'failed'} its test in the inference service with ${count(goldenRequests, 'golden request')}, ${number(latencyP99Ms)} ms at the 99th percentile and ${bytes(memoryBytes)} of memory${because(reason)}`,
  modelPromoted: ({ system, alias, version, previousVersion, reason, movedBy }) =>
    `version ${version} became ${alias} of ${system}${previousVersion ? ` in place of version ${previousVersion}` : ''}, moved by ${movedBy || 'somebody'}${because(reason)}`,
  deploymentUpdated: ({ deployment, epoch, routes, held }) =>
    `deployment ${deployment} serves ${routes.length ? list(routes.map(routed)) : 'nothing'} from epoch ${epoch} on${held ? '; promotions are held' : ''}`,
  reviewConcluded: ({ system, modelVersion, verdict, evidence }) =>
    `the review of version ${modelVersion} of ${system} ${verdicts[verdict]}${because(evidence.join('; '))}`,
};

function routed({ role, version, weight, standing }: Route): string {
  const share = role === RouteRole.SHADOW ? '' : ` at ${percent(weight)}`;
  return `version ${version} as ${standing ? 'standing ' : ''}${plain(RouteRole[role])}${share}`;
}
