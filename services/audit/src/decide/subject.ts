import { invalid } from '@perennial/kernel';

/** What may be asked about. */
export const subjectKinds = [
  'model',
  'system',
  'deployment',
  'rollout',
  'dataset',
  'segment',
  'training-run',
  'evaluation',
  'review',
  'drift-report',
  'quarantine',
  'api-key',
  'event',
] as const;

export type SubjectKind = (typeof subjectKinds)[number];

export interface Subject {
  readonly kind: SubjectKind;
  /** An id, or a system's name. */
  readonly id: string;
  /** Of a model: a version in digits or an alias; `champion` where none was given. */
  readonly reference: string;
}

/**
 * Reads a subject such as `model seattle-temperature@champion`, `rollout <id>` or `system flights`.
 *
 * @throws PlatformError SUBJECT_INVALID
 */
export function parseSubject(text: string): Subject {
  const [kind = '', name = '', ...rest] = text.trim().split(/\s+/);
  const known = subjectKinds.find((each) => each === kind);
  const [id = '', reference, ...more] = name.split('@');
  if (!known || id === '' || rest.length || more.length || reference === '') throw unreadable(text);
  if (reference !== undefined && known !== 'model') throw unreadable(text);
  return { kind: known, id, reference: reference ?? 'champion' };
}

/** The subject as it is written. */
export function formatSubject({ kind, id, reference }: Subject): string {
  return kind === 'model' ? `model ${id}@${reference}` : `${kind} ${id}`;
}

function unreadable(text: string) {
  return invalid(
    'SUBJECT_INVALID',
    `subject: "${text}" cannot be asked about; write "model <system>@champion", "model <system>@<version>", or one of ${subjectKinds.slice(1).join(', ')} followed by a name or an id`,
    { field: 'subject' },
  );
}
