import { notFound, type PlatformError } from '@perennial/kernel';
import type { ServedModel } from '../decide/served-model.js';
import { type Model, modelOf, type SystemState } from '../decide/state.js';

/** Aliases that point at a version. */
export function aliasesOf(state: SystemState, version: number): string[] {
  return Object.entries(aliases(state))
    .filter(([, target]) => target === version)
    .map(([alias]) => alias);
}

/** The version meant by a number ("7") or an alias ("champion"). */
export function resolve(state: SystemState, reference: string): Model {
  const version = /^\d{1,9}$/.test(reference) ? Number(reference) : aliases(state)[reference];
  const model = modelOf(state, version);
  if (!model) throw unknown(state, reference);
  return model;
}

/** The same for an imported model, whose aliases are champion and previous. @throws PlatformError MODEL_NOT_FOUND */
export function resolveServed({ name, champion, history, versions }: ServedModel, reference: string): number {
  const aliased = reference === 'champion' ? champion : reference === 'previous' ? history.at(-1) : undefined;
  const wanted = /^\d{1,9}$/.test(reference) ? Number(reference) : aliased;
  const found = versions.find(({ version }) => version === wanted);
  if (found) return found.version;
  const has = versions.map(({ version }) => version).join(', ') || 'none yet';
  throw notFound(
    'MODEL_NOT_FOUND',
    `reference: ${name} has no "${reference}"; it has version ${has}, and the aliases champion and previous`,
    { field: 'reference' },
  );
}

function aliases({ champion, history, rollout }: SystemState): Record<string, number | undefined> {
  return Object.assign(Object.create(null), {
    champion,
    previous: history.at(-1),
    challenger: rollout?.modelVersion || undefined,
  });
}

function unknown(state: SystemState, reference: string): PlatformError {
  const versions = state.models.map((model) => model.version);
  const has = versions.length ? `version ${versions.join(', ')}` : 'no version yet';
  return notFound(
    'MODEL_NOT_FOUND',
    `reference: ${state.system} has no "${reference}"; it has ${has}, and the aliases champion, previous and challenger`,
    { field: 'reference' },
  );
}
