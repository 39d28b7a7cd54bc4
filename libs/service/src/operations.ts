import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  type BusWork,
  type DeadLetterRow,
  type Decision,
  deadLetters,
  unpublishedCount,
} from '@perennial/bus';
import { OperationsService } from '@perennial/contracts';
import type { Database } from '@perennial/db';
import { type Clock, notFound } from '@perennial/kernel';
import { eraseFromTables } from './erase-from-tables.js';
import type { Parts, Progress } from './frame.js';
import { type RpcService, rpc } from './grpc/types.js';
import { neededArtifacts } from './needed-artifacts.js';

export interface Standing {
  readonly name: string;
  readonly tenant: string;
  readonly clock: Clock;
  readonly database: Database | undefined;
  readonly busWork: () => BusWork | undefined;
  readonly progress: () => Promise<Progress> | Progress;
  readonly parts: () => Parts;
}

/** Where the service stands and what it could not handle: the same for every service. */
export function operationsService(standing: Standing): RpcService {
  const { database } = standing;
  return rpc(OperationsService, {
    getProgress: () => progressOf(standing),
    listDeadLetters: async ({ includeDecided }) => {
      if (!database) return { deadLetters: [] };
      const rows = await deadLetters.list(database.db, { includeDecided });
      return { deadLetters: rows.map(shown) };
    },
    decideDeadLetter: async ({ deadLetterId, decision, reason, decidedBy }) => {
      const { name: service, tenant, clock } = standing;
      if (!database) {
        throw notFound(
          'DEAD_LETTER_NOT_FOUND',
          `${service} keeps no dead letters; ask the service that parked it`,
          {
            field: 'dead_letter_id',
          },
        );
      }
      const decided = await deadLetters.decide(database, {
        deadLetterId,
        // What is neither is refused there.
        decision: decision as Decision['decision'],
        reason,
        decidedBy,
        tenant,
        service,
        clock,
      });
      standing.busWork()?.wakeRelay();
      return { deadLetter: shown(decided) };
    },
    listNeededArtifacts: async function* () {
      if (database) yield* neededArtifacts(database, standing.parts());
    },
    eraseFromTables: async ({ source, column, value, rowIds, dryRun }) => {
      const request = { source, column, value, rowIds, isDryRun: dryRun };
      const asked = { tenant: standing.tenant, parts: standing.parts(), request };
      const places = await eraseFromTables(database, asked);
      return { places: places.map((one) => ({ ...one, service: standing.name, rows: BigInt(one.rows) })) };
    },
  });
}

/**
 * Consumers first, then the work in hand, the outbox last: what moves from one to the next while we look is then seen
 * twice at worst, and never missed.
 */
async function progressOf({ busWork, database, progress }: Standing) {
  const consumers = (await busWork()?.consumers()) ?? [];
  const { work = [], watermarks = [] } = await progress();
  const outboxUnpublished = database ? await unpublishedCount(database.db) : 0;
  return {
    consumers,
    work: [...work],
    watermarks: watermarks.map(({ source, eventTime, rows }) => ({
      source,
      eventTime: timestampFromDate(eventTime),
      rows: BigInt(rows),
    })),
    outboxUnpublished,
  };
}

function shown({ recordedAt, ...row }: DeadLetterRow) {
  return { ...row, recordedAt: timestampFromDate(recordedAt) };
}
