import { canonicalJson } from '@perennial/kernel';
import type { System } from './system.js';

export interface Change {
  /** Such as `gate.betterBy`; a feature by its name, `features.season`; their order is `features`. */
  readonly path: string;
  /** Canonical JSON; empty where there was nothing. */
  readonly fromJson: string;
  readonly toJson: string;
}

/** What differs between two systems, by path; everything where there was none before. */
export function diffSystems(before: System | undefined, after: System): Change[] {
  const [from, to] = [before ? leavesOf(before) : new Map<string, string>(), leavesOf(after)];
  return [...new Set([...from.keys(), ...to.keys()])]
    .sort()
    .map((path) => ({ path, fromJson: from.get(path) ?? '', toJson: to.get(path) ?? '' }))
    .filter(({ fromJson, toJson }) => fromJson !== toJson);
}

function leavesOf(system: System): Map<string, string> {
  const leaves = new Map<string, string>();
  const visit = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      leaves.set(path, canonicalJson(value));
      return;
    }
    for (const [name, member] of Object.entries(value)) {
      if (member !== undefined) visit(member, path ? `${path}.${name}` : name);
    }
  };
  const { features, ...rest } = system;
  visit(rest, '');
  for (const feature of features) leaves.set(`features.${feature.name}`, canonicalJson(feature));
  // The model's inputs follow this order.
  leaves.set('features', canonicalJson(features.map(({ name }) => name)));
  return leaves;
}
