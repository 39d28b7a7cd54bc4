import { readFileSync } from 'node:fs';
import path from 'node:path';
import { jetstream } from '@nats-io/jetstream';
import { connect, credsAuthenticator, type NatsConnection } from '@nats-io/transport-node';
import { Perennial } from '@perennial/client';
import { arrivalSubject } from '@perennial/contracts';
import { waitFor } from '@perennial/kernel';
import { type Platform, rootDir } from '@perennial/local';
import { openTables } from '@perennial/tables';
import { type Day, days } from './days.js';

export const system = 'seattle-temperature';
const source = 'weather';
const tenant = 'default';
/** History that a first model is trained on, and the days that are played one by one. */
export const history = days('2012-01-01', '2012-03-31');
/** A kill costs a few seconds, a training run started anew some more. */
const withinMs = 120_000;

/** What must come out the same whatever was killed on the way. */
export interface FinalState {
  /** Every verified and labelled row with its features, in event-time order. */
  readonly features: readonly Record<string, unknown>[];
  readonly rowsTaken: number;
  readonly labelsTaken: number;
  /** Model versions and the training runs they came from. */
  readonly versions: number;
  readonly runsOfVersions: number;
  readonly runsCompleted: number;
  /** Days whose prediction met its label. */
  readonly labelled: number;
  readonly auditProblems: readonly string[];
  readonly isVerified: boolean;
  readonly openDeadLetters: number;
}

/** Plays a short story against a platform; all it does is repeated until it is acknowledged, as clients do. */
export class ShortStory {
  readonly #platform: Platform;
  readonly client: Perennial;
  readonly #connection: NatsConnection;

  private constructor(platform: Platform, connection: NatsConnection) {
    this.#platform = platform;
    this.client = new Perennial({ url: platform.urls.http, token: platform.token });
    this.#connection = connection;
  }

  static async begin(platform: Platform): Promise<ShortStory> {
    const client = new Perennial({ url: platform.urls.http, token: platform.token });
    await client.applySystem(readFileSync(path.join(rootDir, 'examples', system, 'system.yaml'), 'utf8'));
    const { nats_credentials: credentials } = await client.call<{ nats_credentials: string }>(
      'POST',
      '/v1/producers',
      { json: { source, producer: 'desk' } },
    );
    const connection = await connect({
      servers: platform.urls.nats,
      authenticator: credsAuthenticator(new TextEncoder().encode(credentials)),
      maxReconnectAttempts: -1,
      reconnectTimeWait: 100,
    });
    const story = new ShortStory(platform, connection);
    try {
      await story.#takeHistory();
    } catch (error) {
      await story.close();
      throw error;
    }
    return story;
  }

  async #takeHistory(): Promise<void> {
    const lines = (rows: unknown[]) => rows.map((row) => JSON.stringify(row)).join('\n');
    const body = { producer: 'history', format: 'jsonl' as const };
    await this.client.publish(source, 'rows', lines(history.map(({ row }) => row)), body);
    await this.client.publish(source, 'labels', lines(history.map(({ label }) => label)), body);
    await waitFor(
      'the first champion',
      async () => (await this.champion()) === 1 && (await this.client.watermark(system)).settled,
      { withinMs, everyMs: 100 },
    );
  }

  async champion(): Promise<number> {
    const answer = await this.client.call<{ summary?: { champion?: number } }>(
      'GET',
      `/v1/systems/${system}`,
    );
    return answer.summary?.champion ?? 0;
  }

  /** The morning's row, a prediction, the evening's label; returns when the platform has settled. */
  async play(day: Day): Promise<void> {
    await this.publish('rows', day, day.row);
    await this.ask(day);
    await this.publish('labels', day, day.label);
    await this.settled(day.date);
  }

  /** Publishes until the bus acknowledges it; the message id makes saying it again harmless. */
  async publish(arrival: 'rows' | 'labels', day: Day, body: unknown, id = day.date): Promise<void> {
    const subject = arrivalSubject({ arrival, tenant, source, producer: 'desk' });
    await this.#until(`${arrival} of ${day.date} to be acknowledged`, () =>
      jetstream(this.#connection).publish(subject, JSON.stringify(body), {
        msgID: `${arrival}-${id}`,
        timeout: 2_000,
      }),
    );
  }

  /** Asks until there is an answer: a gateway that is being killed cannot say that it is. */
  async ask(day: Day): Promise<void> {
    await this.#until(`an answer for ${day.date}`, () =>
      this.client.predict(system, [{ ...day.row }], { timeoutMs: 30_000 }),
    );
  }

  async settled(date: string): Promise<void> {
    await waitFor(
      `the platform to settle at ${date}`,
      async () => {
        try {
          return (await this.client.watermark(system, { rows: date, labels: date, waitMs: 5_000 })).settled;
        } catch {
          return false;
        }
      },
      { withinMs, everyMs: 20 },
    );
  }

  async #until(what: string, attempt: () => Promise<unknown>): Promise<void> {
    let last: unknown;
    try {
      await waitFor(
        what,
        async () => {
          try {
            await attempt();
            return true;
          } catch (error) {
            last = error;
            return false;
          }
        },
        { withinMs, everyMs: 50 },
      );
    } catch (error) {
      throw new Error(`${(error as Error).message}; the last attempt: ${String(last)}`);
    }
  }

  async finalState(from: string, to: string): Promise<FinalState> {
    const { client } = this;
    const models = await client.call<{ models?: { run_id: string }[] }>(
      'GET',
      `/v1/systems/${system}/models`,
    );
    const runs = await client.call<{ runs?: { status: string }[] }>('GET', `/v1/systems/${system}/runs`);
    const quality = await client.call<{ labelled?: string }>('GET', `/v1/systems/${system}/quality`);
    const audit = await client.call<{ verified?: boolean; problems?: string[] }>('GET', '/v1/audit/verify');
    const sources = await client.call<{ sources?: { kind: string; rows?: string }[] }>('GET', '/v1/sources');
    const letters = await client.call<{ dead_letters?: unknown[] }>('GET', '/v1/dead-letters');
    const taken = (kind: string) => Number(sources.sources?.find((one) => one.kind === kind)?.rows ?? 0);
    const versions = models.models ?? [];
    return {
      features: await this.#features(from, to),
      rowsTaken: taken('SEGMENT_KIND_ROWS'),
      labelsTaken: taken('SEGMENT_KIND_LABELS'),
      versions: versions.length,
      runsOfVersions: new Set(versions.map(({ run_id }) => run_id)).size,
      runsCompleted: (runs.runs ?? []).filter(({ status }) => status === 'completed').length,
      labelled: Number(quality.labelled ?? 0),
      auditProblems: audit.problems ?? [],
      isVerified: audit.verified === true,
      openDeadLetters: (letters.dead_letters ?? []).length,
    };
  }

  async #features(from: string, to: string): Promise<Record<string, unknown>[]> {
    const { digest } = await this.client.call<{ digest: string }>(
      'POST',
      `/v1/systems/${system}/features/export`,
      { json: { from: `${from}T00:00:00Z`, to: `${to}T00:00:00Z` } },
    );
    const hash = digest.replace('sha256:', '');
    const file = path.join(this.#platform.dataDir, 'artifacts', 'sha256', hash.slice(0, 2), hash);
    const tables = await openTables({});
    try {
      const rows = await tables.rows(
        'select * exclude (_p_row_id) from read_parquet($file) order by _p_event_time',
        {
          file,
        },
      );
      return rows;
    } finally {
      await tables.close();
    }
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }
}
