import type { JsonValue } from '@bufbuild/protobuf';
import type { ArtifactStore } from '@perennial/artifacts';
import type { PredictionRequestService, Submission } from '@perennial/contracts';
import { type Digest, notFound } from '@perennial/kernel';
import type { Client } from '@perennial/service';
import { type Caller, isInScope, may } from '../decide/access.js';
import type { Deployments } from '../deployments.js';

export type Submissions = Client<typeof PredictionRequestService>;

/** What requests that are answered later stand on. */
export interface RequestNeeds {
  readonly submissions: Submissions;
  readonly artifacts: () => Promise<ArtifactStore>;
  readonly deployments: Deployments;
  readonly allowPrivateCallbacks: boolean;
  /** Something was submitted: who works on it need not wait for its next look. */
  readonly wake: () => void;
  /** For files on their way in. */
  readonly workDir: () => Promise<string>;
}

/**
 * One that the caller may see, within its scope: its own, and every one for those who operate the platform. To all others
 * it is not there.
 *
 * @throws PlatformError SUBMISSION_NOT_FOUND
 */
export function ownOne(submission: Submission | undefined, caller: Caller): Submission {
  const isOpen =
    submission !== undefined &&
    isInScope(caller, 'system', submission.system) &&
    (submission.caller === caller.name || may(caller.role, 'operate'));
  if (isOpen) return submission;
  throw notFound('SUBMISSION_NOT_FOUND', 'there is no such request or batch, or it is not yours', {
    field: 'id',
  });
}

/** The answer to a request, or undefined where it has none (yet). */
export async function resultOf(
  { artifacts }: Pick<RequestNeeds, 'artifacts'>,
  { resultDigest }: Submission,
): Promise<JsonValue | undefined> {
  if (resultDigest === '') return undefined;
  const bytes = await (await artifacts()).get(resultDigest as Digest);
  return JSON.parse(new TextDecoder().decode(bytes)) as JsonValue;
}
