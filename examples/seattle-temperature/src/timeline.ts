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
    process.stdout.write(`${date}  ${text}\n`);
  }

  /** Reads the audit log on from where it stood and prints what an operator wants to know. */
  async follow(date: string): Promise<void> {
    for (;;) {
      const answer = await this.#platform.call<{ events?: AuditEvent[] }>(
        'GET',
        `/v1/audit/events?after_index=${this.#afterIndex}&limit=200`,
      );
      const events = answer.events ?? [];
      for (const event of events) this.#tell(date, event);
      const last = events.at(-1);
      if (!last) return;
      this.#afterIndex = Number(last.index ?? 0) + 1;
    }
  }

  #tell(date: string, event: AuditEvent): void {
    const body = JSON.parse(event.body_json ?? '{}') as Record<string, never>;
    const teller = tellers[event.event_type ?? ''];
    const text = teller?.(body);
    if (text) this.say(date, text);
    if (event.event_type === 'io.perennial.model.promoted.v1') this.promotions++;
  }
}

interface AuditEvent {
  /** uint64 in ProtoJSON; left out where 0. */
  index?: string;
  event_type?: string;
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
  'io.perennial.segment.repaired.v1': (body) =>
    `repaired ${body['rows']} rows: ${body['column']} = ${body['expression']}`,
};

function phase(value: unknown): string {
  return String(value ?? '')
    .replace('ROLLOUT_PHASE_', '')
    .toLowerCase();
}

function degrees(value: number | undefined): string {
  return value === undefined ? '?' : `${value.toFixed(2)} °C`;
}
