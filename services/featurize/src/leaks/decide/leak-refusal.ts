import type { Leak } from './leak.js';

/** Why nothing is trained on these features, and what to do. */
export function leakRefusal(leaks: readonly Leak[]): string {
  const found = leaks.map(({ relation, evidence }) => `${relation} (${evidence})`).join('; ');
  const names = [...new Set(leaks.flatMap(({ features }) => features))].join(', ');
  return (
    `its features give the label away: ${found}. Leave out ${names}, ` +
    'or write leaks: warn under train where they are known before the label'
  );
}
