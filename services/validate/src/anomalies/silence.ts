import type { Emitter } from '@perennial/bus';
import { type Clock, uuidv7 } from '@perennial/kernel';
import type { Kind, Store } from '../store.js';
import { reasonOfSet } from './finding.js';
import { durationOf } from './gaps.js';
import { tellAnomalies } from './tell.js';

export interface SilenceMeans {
  readonly tenant: string;
  readonly clock: Clock;
  readonly db: Store;
  readonly transact: <T>(correlationId: string, work: (tx: Store, emit: Emitter) => Promise<T>) => Promise<T>;
}

interface Watched {
  readonly source: string;
  readonly kind: Kind;
  readonly newest: number;
  readonly withinMs: number;
}

/**
 * Tells once of each source whose newest row is older than its schema says it ever is; a further row ends the silence.
 * Returns how many it told of.
 */
export async function lookForSilence(means: SilenceMeans): Promise<number> {
  const now = means.clock.now();
  const late = (await freshSources(means)).filter(({ newest, withinMs }) => now - newest > withinMs);
  let told = 0;
  for (const one of late) {
    const isTold = await means.transact(uuidv7(means.clock), (tx, emit) => tellSilence(tx, emit, means, one));
    if (isTold) told++;
  }
  return told;
}

async function freshSources({ db, tenant }: SilenceMeans): Promise<Watched[]> {
  const rows = await db
    .selectFrom('source_watch')
    .innerJoin('source_knowledge', (join) =>
      join
        .onRef('source_knowledge.tenant', '=', 'source_watch.tenant')
        .onRef('source_knowledge.source', '=', 'source_watch.source')
        .onRef('source_knowledge.kind', '=', 'source_watch.kind'),
    )
    .select(['source_watch.source', 'source_watch.kind', 'newest_event_time', 'accepted'])
    .where('source_watch.tenant', '=', tenant)
    .where('silent_since', 'is', null)
    .where('accepted', 'is not', null)
    .execute();
  return rows.flatMap(({ source, kind, newest_event_time, accepted }) => {
    const withinMs = accepted?.dataset.freshness?.withinMs;
    return withinMs === undefined ? [] : [{ source, kind, newest: newest_event_time.getTime(), withinMs }];
  });
}

/** False where a row came meanwhile, or another process told it. */
async function tellSilence(
  tx: Store,
  emit: Emitter,
  { tenant, clock }: SilenceMeans,
  { source, kind, newest, withinMs }: Watched,
): Promise<boolean> {
  const now = clock.now();
  const origin = { tenant, source, kind };
  const marked = await tx
    .updateTable('source_watch')
    .set({ silent_since: new Date(now) })
    .where('tenant', '=', tenant)
    .where('source', '=', source)
    .where('kind', '=', kind)
    .where('silent_since', 'is', null)
    .where('newest_event_time', '<=', new Date(now - withinMs))
    .returning('source')
    .executeTakeFirst();
  if (!marked) return false;
  // Whatever somebody said of the rule: no row came that could be held.
  const severity = 'warn';
  const finding = reasonOfSet(
    {
      ...{ rule: 'freshness', type: 'SOURCE_SILENT', column: '_p_event_time', severity, rows: 0 },
      suspectedCause: 'the source fell silent',
      evidence: `the newest row is of ${new Date(newest).toISOString()}; one is expected within ${durationOf(withinMs)}`,
    },
    { firstRowId: '', firstEventTime: newest },
  );
  await tellAnomalies(tx, emit, {
    ...{ clock, origin, producer: '', segmentId: undefined, ofRows: [], ofSet: [finding] },
  });
  return true;
}

/** Looks every so often until it is stopped; a look that fails is told and made again. */
export class SilenceWatch {
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();

  constructor(
    private readonly means: SilenceMeans,
    private readonly everyMs: number,
    private readonly warn: (error: unknown) => void,
  ) {}

  start(): void {
    this.#timer = setInterval(() => {
      this.#looking = this.#looking.then(() => lookForSilence(this.means)).then(() => undefined, this.warn);
    }, this.everyMs).unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }
}
