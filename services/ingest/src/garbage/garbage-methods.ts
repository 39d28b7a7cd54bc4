import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { DatasetService } from '@perennial/contracts';
import type { Implementation } from '@perennial/service';
import { collectGarbage, type GarbageMeans } from './collect.js';

/** Artifacts that are named in one answer. */
const namedMax = 100;

export function garbageMethods(
  means: GarbageMeans,
  graceSecondsDefault: number,
): Pick<Implementation<typeof DatasetService>, 'collectGarbage'> {
  return {
    collectGarbage: async ({ dryRun, graceSeconds = graceSecondsDefault }) => {
      const found = await collectGarbage(means, { graceMs: graceSeconds * 1_000, isDryRun: dryRun });
      const { all, needed, young, garbage } = found;
      return {
        dryRun,
        graceSeconds,
        artifacts: all.artifacts,
        artifactBytes: BigInt(all.bytes),
        needed: needed.artifacts,
        neededBytes: BigInt(needed.bytes),
        young: young.artifacts,
        youngBytes: BigInt(young.bytes),
        garbage: garbage.length,
        garbageBytes: BigInt(garbage.reduce((sum, { bytes }) => sum + bytes, 0)),
        largest: garbage.slice(0, namedMax).map(({ digest, bytes, modifiedAt }) => ({
          digest,
          bytes: BigInt(bytes),
          modifiedAt: timestampFromMs(Math.floor(modifiedAt)),
        })),
        asked: [...found.asked],
      };
    },
  };
}
