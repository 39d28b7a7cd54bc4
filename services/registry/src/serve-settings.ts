import type { MessageInitShape } from '@bufbuild/protobuf';
import { CaptureLevel, Placement, type ServeSettingsSchema } from '@perennial/contracts';
import type { Serving } from '@perennial/spec';

export type ServeInit = MessageInitShape<typeof ServeSettingsSchema>;

const captures = { none: CaptureLevel.NONE, metadata: CaptureLevel.METADATA } as const;
const placements = { pool: Placement.POOL, edge: Placement.EDGE } as const;

/** The settings as gateway and inference are told of them; what is absent keeps the message's own default. */
export function serveSettings(serving: Serving): ServeInit {
  const { place, capture, cache, bandit } = serving;
  return {
    ...(place && { place: placements[place] }),
    ...(capture?.level && { capture: captures[capture.level] }),
    ...(capture?.share !== undefined && { captureShare: capture.share }),
    ...(cache && { cacheSeconds: cache.seconds, cacheEntries: cache.entries }),
    ...(serving.stickyBy !== undefined && { stickyBy: serving.stickyBy }),
    ...(serving.hedge && { hedge: true }),
    ...(serving.deadlineMs !== undefined && { deadlineMs: Math.ceil(serving.deadlineMs) }),
    ...(serving.rowByRow && { rowByRow: true }),
    ...(serving.preferredBatch && { preferredBatch: [...serving.preferredBatch] }),
    ...(serving.classes && { classes: [...serving.classes] }),
    ...(bandit && { bandit: { ...bandit } }),
    ...(serving.pinned && { pinned: true }),
    ...(serving.queueRowsMax !== undefined && { queueRowsMax: serving.queueRowsMax }),
  };
}
