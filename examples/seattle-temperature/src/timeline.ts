import type { Perennial } from '@perennial/client';

/** Prints what the platform tells of itself, each event once, with the data time the story stands at. */
export class Timeline {
  readonly #platform: Perennial;
  #afterIndex = 0;
  promotions = 0;

  constructor(platform: Perennial) {
    this.#platform = platform;
  }

  say(date: string, text: string): void {
    this.#clearProgress();
    process.stdout.write(`${date}  ${text}\n`);
  }

  /** Shows a person at a terminal which day is being played; a file gets no such lines. */
  progress(date: string): void {
    if (!process.stdout.isTTY) return;
    this.#clearProgress();
    process.stdout.write(`${date}  …`);
  }

  #clearProgress(): void {
    if (process.stdout.isTTY) process.stdout.write('\r\u001b[2K');
  }

  /** Reads the audit log on from where it stood and prints what an operator wants to know, in the order it happened. */
  async follow(date: string): Promise<void> {
    const told: AuditEvent[] = [];
    for (;;) {
      const answer = await this.#platform.call<{ events?: AuditEvent[] }>(
        'GET',
        `/v1/audit/events?after_index=${this.#afterIndex}&limit=200`,
      );
      const events = answer.events ?? [];
      told.push(...events);
      const last = events.at(-1);
      if (!last) break;
      this.#afterIndex = Number(last.index ?? 0) + 1;
    }
    // The log hears each stream in its order; between two streams the order is that of arrival.
    told.sort((a, b) => timeOf(a) - timeOf(b));
    for (const event of told) this.#tell(date, event);
  }

  #tell(date: string, event: AuditEvent): void {
    const body = JSON.parse(event.body_json ?? '{}') as Record<string, never>;
    const teller = tellers[event.event_type ?? ''];
    const text = teller?.(body);
    if (text) this.say(date, text);
    if (event.event_type === 'io.perennial.model.promoted.v1') this.promotions++;
  }
}

function timeOf(event: AuditEvent): number {
  return Date.parse(event.occurred_at ?? '');
}

interface AuditEvent {
  /** uint64 in ProtoJSON; left out where 0. */
  index?: string;
  event_type?: string;
  occurred_at?: string;
  body_json?: string;
}

/** Bodies are canonical ProtoJSON: lowerCamelCase, defaults left out. */
const tellers: Record<string, (body: Record<string, never>) => string | undefined> = {
  'io.perennial.review.concluded.v1': (body) =>
    `review: ${String(body['verdict']).replace('REVIEW_VERDICT_', '').toLowerCase().replace('_', ' ')} — ${((body['evidence'] ?? []) as string[]).join('; ')}`,
  'io.perennial.evaluation.completed.v1': (body) => {
    const champion = body['champion'] as { value?: number } | undefined;
    const candidate = body['candidate'] as { value?: number } | undefined;
    return `evaluated on ${body['holdoutRows'] ?? 0} held-out rows: candidate ${degrees(candidate?.value)}${champion ? `, champion ${degrees(champion.value)}` : ''}`;
  },
  'io.perennial.rollout.advanced.v1': (body) =>
    `rollout: ${phase(body['from'])} → ${phase(body['to'])}${body['reason'] ? ` (${body['reason']})` : ''}`,
  'io.perennial.model.promoted.v1': (body) =>
    `champion is now version ${body['version']} (was ${body['previousVersion'] ?? 'none'})`,
};

function phase(value: unknown): string {
  return String(value ?? '')
    .replace('ROLLOUT_PHASE_', '')
    .toLowerCase();
}

function degrees(value: number | undefined): string {
  return value === undefined ? '?' : `${value.toFixed(2)} °C`;
}
