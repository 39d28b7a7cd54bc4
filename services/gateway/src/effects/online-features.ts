import type { JsonObject } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { OnlineFeatures as OnlineRow } from '@perennial/contracts';
import { asPlatformError, PlatformError } from '@perennial/kernel';
import { gatewayLimits } from '../limits.js';
import type { ShapedRow } from '../recording.js';
import type { OnlineFeatures } from '../run-model.js';
import { Gather, type Outcome, withinDeadline } from './gather.js';
import type { Peers } from './peers.js';

interface Ask {
  readonly rows: JsonObject[];
  readonly deadlineAt: number;
}

type Featurize = Pick<Peers['featurize'], 'getOnline'>;

/**
 * Asks featurize, and asks again while it or its database restarts, within the request's deadline. Requests for one
 * system that come at the same time share a call.
 *
 * @throws PlatformError DEADLINE_EXCEEDED, or what featurize says about the rows
 */
export function onlineFeatures(featurize: Featurize): OnlineFeatures {
  const gathers = new Map<string, Gather<Ask, ShapedRow[]>>();
  const askTogether = async (system: string, ask: Ask) => {
    let gather = gathers.get(system);
    if (!gather) {
      gather = gatherOf(featurize, system);
      gathers.set(system, gather);
    }
    try {
      return await gather.ask(ask);
    } finally {
      if (gather.isIdle && gathers.get(system) === gather) gathers.delete(system);
    }
  };
  return (system, rows, deadlineAt) => {
    let cause = 'it did not answer';
    const persist = async () => {
      let delayMs: number = gatewayLimits.reconnectDelayMsMin;
      for (;;) {
        try {
          return await askTogether(system, { rows, deadlineAt });
        } catch (thrown) {
          const error = asPlatformError(thrown);
          if (error.retry === 'never') throw error;
          cause = error.code;
          if (performance.now() + delayMs >= deadlineAt) throw late(cause);
        }
        await new Promise((resolve) => setTimeout(resolve, delayMs));
        delayMs = Math.min(delayMs * 2, gatewayLimits.reconnectDelayMsMax);
      }
    };
    return withinDeadline(persist(), deadlineAt, () => late(cause));
  };
}

function gatherOf(featurize: Featurize, system: string): Gather<Ask, ShapedRow[]> {
  return new Gather({
    sizeOf: ({ rows }) => rows.length,
    sizeMax: gatewayLimits.jointRowsMax,
    patienceMs: gatewayLimits.gatherPatienceMs,
    call: async (asks) => {
      try {
        const rows = await shapedRows(featurize, system, asks);
        let from = 0;
        return asks.map((ask) => {
          from += ask.rows.length;
          return { answer: rows.slice(from - ask.rows.length, from) };
        });
      } catch (error) {
        // What is wrong with one row must not fail the others, and is said in the words of its own request. Where
        // featurize is there and fails, that may be the rows' doing as well.
        const { retry, fault } = asPlatformError(error);
        if (asks.length > 1 && (retry === 'never' || fault !== 'dependency'))
          return Promise.all(asks.map((ask) => alone(featurize, system, ask)));
        return asks.map(() => ({ error }));
      }
    },
  });
}

async function alone(featurize: Featurize, system: string, ask: Ask): Promise<Outcome<ShapedRow[]>> {
  try {
    return { answer: await shapedRows(featurize, system, [ask]) };
  } catch (error) {
    return { error };
  }
}

async function shapedRows(featurize: Featurize, system: string, asks: readonly Ask[]): Promise<ShapedRow[]> {
  const leftMs = Math.ceil(Math.max(...asks.map(({ deadlineAt }) => deadlineAt)) - performance.now());
  const timeoutMs = Math.max(1, Math.min(leftMs, gatewayLimits.featuresAttemptMsMax));
  const rows = asks.flatMap((ask) => ask.rows);
  const answer = await featurize.getOnline({ system, rows }, { timeoutMs });
  return answer.rows.map(shapedRow);
}

function shapedRow({ eventTime, key, features, provided }: OnlineRow): ShapedRow {
  return {
    eventTimeMs: eventTime && timestampMs(eventTime),
    key: key ?? {},
    features: (features ?? {}) as JsonObject,
    provided,
  };
}

function late(cause: string): PlatformError {
  return new PlatformError(
    'DEADLINE_EXCEEDED',
    'dependency',
    'after',
    `Request timeout expired: the features that the platform keeps could not be had in time (${cause}); send them yourself, or ask again`,
  );
}
