import type { Sentences } from './sentences.js';
import { list } from './words.js';

/** Who may come in. */
export const accessSentences: Sentences<'apiKeyUpdated'> = {
  apiKeyUpdated: ({ keyId, name, role, scope, secrets, revoked, changedBy }) => {
    const by = changedBy || 'somebody';
    if (revoked) return `${by} revoked the API key ${name} (${keyId})`;
    const bounds = scope
      ? ` for ${list([...scope.systems, ...scope.sources]) || 'nothing'}`
      : ' without a scope';
    const rotated = secrets.length > 1 ? '; the secret before opens it for a while' : '';
    return `${by} gave the API key ${name} (${keyId}) the role ${role}${bounds}${rotated}`;
  },
};
