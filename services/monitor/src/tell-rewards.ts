import { events } from '@perennial/contracts';
import type { System } from '@perennial/spec';
import type { Telling } from './watch-champion.js';

/** Fewer new labels say too little to be told of. */
const rewardsMin = 20;
/** New labels as a share of those that were told of: a million of them are told some 90 times, not 50,000. */
const rewardsGrowth = 0.1;

/** Tells what the variants of a system earned, where its requests go by that and there is enough to say. */
export async function tellRewards({ stores, emit }: Telling, system: System): Promise<void> {
  if (!system.serve.bandit) return;
  const trial = await stores.trials.of(system.name);
  if (!trial) return;
  const variants = await stores.trials.earned(system.name, trial);
  const rows = variants.reduce((sum, earned) => sum + earned.rows, 0);
  if (rows - trial.toldRows < Math.max(rewardsMin, trial.toldRows * rewardsGrowth)) return;
  const { sinceEpoch } = trial;
  await emit(events.rewardRecorded, system.name, {
    system: system.name,
    sinceEpoch: BigInt(sinceEpoch),
    variants,
  });
  await stores.trials.told(system.name, rows);
}
