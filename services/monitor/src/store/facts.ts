import { PlatformError } from '@perennial/kernel';
import { type System, systemFromJson } from '@perennial/spec';
import { sql } from 'kysely';
import type { HeldFinding, HeldRows } from '../decide/model.js';
import type { RolloutKnown } from '../decide/watch.js';
import type { Profile } from '../effects/manifests.js';
import type { Db } from '../tables.js';

export interface Champion {
  readonly version: number;
  readonly startEpoch: number;
  readonly evaluationValue: number;
  readonly profile: Profile;
}

const parsed = new Map<string, System>();

/** Systems change rarely and are needed for every batch: each text is parsed once. */
export function systemOf(specJson: string): System {
  let system = parsed.get(specJson);
  if (!system) {
    system = systemFromJson(specJson);
    if (parsed.size >= 1000) parsed.clear();
    parsed.set(specJson, system);
  }
  return system;
}

/** What other services said. Every write may come again or late and changes nothing then. */
export class Facts {
  readonly #db: Db;
  readonly #tenant: string;

  constructor(db: Db, tenant: string) {
    this.#db = db;
    this.#tenant = tenant;
  }

  /** Everything about one source happens one after the other: labels and predictions must not miss each other. */
  async lockSource(source: string): Promise<void> {
    await sql`select pg_advisory_xact_lock(hashtextextended(${`${this.#tenant}/${source}`}, 0))`.execute(
      this.#db,
    );
  }

  async saveSystem(version: number, specJson: string): Promise<System> {
    const system = systemOf(specJson);
    const row = {
      tenant: this.#tenant,
      name: system.name,
      version,
      source: system.source.name,
      spec_json: specJson,
    };
    await this.#db
      .insertInto('system')
      .values(row)
      .onConflict((conflict) =>
        conflict.columns(['tenant', 'name']).doUpdateSet(row).where('system.version', '<', version),
      )
      .execute();
    return system;
  }

  async system(name: string): Promise<System | undefined> {
    const row = await this.#db
      .selectFrom('system')
      .select('spec_json')
      .where('tenant', '=', this.#tenant)
      .where('name', '=', name)
      .executeTakeFirst();
    return row && systemOf(row.spec_json);
  }

  /**
   * The same where the system must be there: a fact about it may overtake its system.applied, then it comes again.
   *
   * @throws PlatformError SYSTEM_NOT_YET_KNOWN
   */
  async systemOrLater(name: string): Promise<System> {
    const system = await this.system(name);
    if (system) return system;
    throw new PlatformError(
      'SYSTEM_NOT_YET_KNOWN',
      'us',
      'after',
      `system: "${name}" is not known to the monitor yet; its system.applied must come first`,
      { field: 'system' },
    );
  }

  async systemsOf(source: string): Promise<System[]> {
    const rows = await this.#db
      .selectFrom('system')
      .select('spec_json')
      .where('tenant', '=', this.#tenant)
      .where('source', '=', source)
      .orderBy('name')
      .execute();
    return rows.map((row) => systemOf(row.spec_json));
  }

  async savePromoted(
    system: string,
    version: number,
    evaluationValue: number,
    profile: Profile,
  ): Promise<void> {
    const columns = { evaluation_value: evaluationValue, reference: JSON.stringify(profile) };
    await this.#db
      .insertInto('model_version')
      .values({ tenant: this.#tenant, system, version, ...columns })
      .onConflict((conflict) => conflict.columns(['tenant', 'system', 'version']).doUpdateSet(columns))
      .execute();
  }

  async saveChampionEpoch(system: string, epoch: number, version: number): Promise<void> {
    await this.#db
      .insertInto('champion_epoch')
      .values({ tenant: this.#tenant, system, epoch, version })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }

  /** The present champion, since when it reigns, and what it is compared with; undefined while any of it is missing. */
  async champion(system: string): Promise<Champion | undefined> {
    const { rows } = await sql<{
      version: number;
      start_epoch: string;
      evaluation_value: number;
      reference: Profile;
    }>`
      with latest as (
        select version from champion_epoch
        where tenant = ${this.#tenant} and system = ${system} order by epoch desc limit 1
      ), other as (
        select max(epoch) as epoch from champion_epoch
        where tenant = ${this.#tenant} and system = ${system} and version <> (select version from latest)
      )
      select latest.version, model.evaluation_value, model.reference, (
        select min(epoch) from champion_epoch
        where tenant = ${this.#tenant} and system = ${system} and epoch > coalesce((select epoch from other), -1)
      ) as start_epoch
      from latest join model_version model
        on model.tenant = ${this.#tenant} and model.system = ${system} and model.version = latest.version`.execute(
      this.#db,
    );
    const [row] = rows;
    return (
      row && {
        version: row.version,
        startEpoch: Number(row.start_epoch),
        evaluationValue: row.evaluation_value,
        profile: row.reference,
      }
    );
  }

  async saveRollout(rollout: {
    rolloutId: string;
    system: string;
    reviewId?: string;
    ended: boolean;
  }): Promise<void> {
    const { rolloutId, system, reviewId = '', ended } = rollout;
    await sql`insert into rollout (tenant, rollout_id, system, review_id, ended)
      values (${this.#tenant}, ${rolloutId}, ${system}, ${reviewId}, ${ended})
      on conflict (tenant, rollout_id) do update set
        ended = rollout.ended or excluded.ended,
        review_id = coalesce(nullif(excluded.review_id, ''), rollout.review_id)`.execute(this.#db);
  }

  async rollouts(system: string, lastReviewId: string | undefined): Promise<RolloutKnown> {
    const rows = await this.#db
      .selectFrom('rollout')
      .select(['review_id', 'ended'])
      .where('tenant', '=', this.#tenant)
      .where('system', '=', system)
      .where((or) => or.or([or('ended', '=', false), or('review_id', '=', lastReviewId ?? '-')]))
      .execute();
    return {
      isInFlight: rows.some(({ ended }) => !ended),
      endedReviewIds: rows.filter(({ ended }) => ended).map(({ review_id }) => review_id),
    };
  }

  async saveHeld(source: string, held: HeldRows): Promise<void> {
    await this.#db
      .insertInto('held_segment')
      .values({
        tenant: this.#tenant,
        quarantine_id: held.quarantineId,
        source,
        producer: held.producer,
        rows: held.rows,
        event_time_min: new Date(held.eventTimeMin),
        event_time_max: new Date(held.eventTimeMax),
        findings: JSON.stringify(held.findings),
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }

  async saveRepair(repairId: string, quarantineId: string, rows: number): Promise<void> {
    await this.#db
      .insertInto('repair')
      .values({ tenant: this.#tenant, repair_id: repairId, quarantine_id: quarantineId, rows })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }

  /** Rows of the source that are still held back and reach into the span. */
  async held(source: string, from: number, to: number): Promise<HeldRows[]> {
    const { rows } = await sql<{
      quarantine_id: string;
      producer: string;
      rows: string;
      event_time_min: Date;
      event_time_max: Date;
      findings: HeldFinding[];
    }>`
      select held.*, held.rows - coalesce(repaired.rows, 0) as rows
      from held_segment held left join (
        select quarantine_id, sum(rows) as rows from repair where tenant = ${this.#tenant} group by quarantine_id
      ) repaired using (quarantine_id)
      where held.tenant = ${this.#tenant} and held.source = ${source}
        and held.event_time_max >= ${new Date(from)} and held.event_time_min <= ${new Date(to)}
        and held.rows > coalesce(repaired.rows, 0)
      order by held.event_time_min, held.quarantine_id`.execute(this.#db);
    return rows.map((row) => ({
      quarantineId: row.quarantine_id,
      producer: row.producer,
      rows: Number(row.rows),
      eventTimeMin: row.event_time_min.getTime(),
      eventTimeMax: row.event_time_max.getTime(),
      findings: row.findings,
    }));
  }
}
