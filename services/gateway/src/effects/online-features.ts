import type { JsonObject } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { OnlineFeatures as OnlineRow } from '@perennial/contracts';
import { asPlatformError, PlatformError } from '@perennial/kernel';
import { gatewayLimits } from '../limits.js';
import type { OnlineFeatures } from '../predictor.js';
import type { ShapedRow } from '../recording.js';
import type { Peers } from './peers.js';

/**
 * Asks featurize, and asks again while it or its database restarts, within the request's deadline.
 *
 * @throws PlatformError DEADLINE_EXCEEDED, or what featurize says about the rows
 */
export function onlineFeatures(featurize: Pick<Peers['featurize'], 'getOnline'>): OnlineFeatures {
  return async (system, rows, deadlineAt) => {
    let delayMs: number = gatewayLimits.reconnectDelayMsMin;
    for (;;) {
      const leftMs = Math.ceil(deadlineAt - performance.now());
      try {
        const timeoutMs = Math.max(1, Math.min(leftMs, gatewayLimits.featuresAttemptMsMax));
        const answer = await featurize.getOnline({ system, rows }, { timeoutMs });
        return answer.rows.map(shapedRow);
      } catch (thrown) {
        const error = asPlatformError(thrown);
        if (error.retry === 'never') throw error;
        if (performance.now() + delayMs >= deadlineAt) throw late(error);
      }
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      delayMs = Math.min(delayMs * 2, gatewayLimits.reconnectDelayMsMax);
    }
  };
}

function shapedRow({ eventTime, key, features, provided }: OnlineRow): ShapedRow {
  return {
    eventTimeMs: eventTime && timestampMs(eventTime),
    key: key ?? {},
    features: (features ?? {}) as JsonObject,
    provided,
  };
}

function late(cause: PlatformError): PlatformError {
  return new PlatformError(
    'DEADLINE_EXCEEDED',
    'dependency',
    'after',
    `Request timeout expired: the features that the platform keeps could not be had in time (${cause.code}); send them yourself, or ask again`,
    { cause },
  );
}
