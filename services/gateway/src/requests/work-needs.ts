import type { ArtifactStore } from '@perennial/artifacts';
import type { Clock } from '@perennial/kernel';
import type { Caller } from '../decide/access.js';
import type { PredictNeeds } from '../http/predict.js';
import type { Submissions } from './needs.js';

/** What those who work submissions off stand on. */
export interface WorkNeeds {
  readonly submissions: Submissions;
  readonly artifacts: () => Promise<ArtifactStore>;
  readonly predicting: PredictNeeds;
  readonly clock: Clock;
  /** Who asked, by name: its requests take its share, whoever works them off. */
  readonly callerOf: (name: string) => Caller;
}

/** How a submission ended well. */
export interface End {
  /** The artifact with the answer; empty for a batch, whose parts are known already. */
  readonly resultDigest: string;
  readonly rowsDone: number;
  readonly rowsFailed: number;
}
