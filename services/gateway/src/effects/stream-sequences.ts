import { type Bus, streams } from '@perennial/bus';

/** Advisories tell about deliveries; nothing that the platform decides depends on them. */
const counted = new Set<string>(streams.map(({ name }) => name).filter((name) => name !== 'ADVISORY'));

/** The last sequence of every stream, as one text that changes with every message; one question to the bus. */
export async function streamSequences(bus: Bus): Promise<string> {
  const known: string[] = [];
  for await (const { config, state } of bus.jsm.streams.list()) {
    if (counted.has(config.name)) known.push(`${config.name}:${state.last_seq}`);
  }
  return known.sort().join(' ');
}

/** The part of that text which tells of one stream. */
export function sequenceOf(stream: string, sequences: string): string {
  return sequences.split(' ').find((part) => part.startsWith(`${stream}:`)) ?? '';
}
