import { digestOf, invalid } from '@perennial/kernel';

/** What an event says of the rows that it carries. */
export interface EventSaid {
  /** Names its row; with an ordinal, its rows. */
  readonly rowId: string;
  /** For rows without an event time of their own. */
  readonly time: string | undefined;
}

/** With an ordinal a row id stays within its 200 characters. */
const idCharactersMax = 180;
const jsonType = /^(application|text)\/([\w.+-]+\+)?json$/;

/**
 * The id of an event's row. Events are told apart by source and id together; a producer that gives no source is told
 * apart by the ids alone.
 */
export function eventRowId(source: string, id: string): string {
  const name = source === '' ? id : `${source}#${id}`;
  return name.length > idCharactersMax && source !== '' ? digestOf(name) : name;
}

/**
 * Reads a CloudEvent 1.0 in structured form: its data is a row, or an array of rows.
 *
 * @throws PlatformError CLOUDEVENT_INVALID, naming the attribute
 */
export function readCloudEvent(event: unknown): { said: EventSaid; rows: readonly unknown[] } {
  if (typeof event !== 'object' || event === null || Array.isArray(event))
    throw wrong('data', 'a CloudEvent is a JSON object');
  const attributes = event as Record<string, unknown>;
  checkVersion(attributes['specversion']);
  const text = (name: string): string => {
    const value = attributes[name];
    if (typeof value === 'string' && value !== '') return value;
    throw wrong(name, 'is missing; it must be a text');
  };
  text('type');
  const said = { rowId: eventRowId(text('source'), text('id')), time: timeOf(attributes['time']) };
  const data = dataOf(attributes);
  return { said, rows: Array.isArray(data) ? data : [data] };
}

/** @throws PlatformError CLOUDEVENT_INVALID */
export function checkVersion(version: unknown): void {
  if (version !== '1.0')
    throw wrong('specversion', `must be "1.0", got ${JSON.stringify(version ?? null)?.slice(0, 40)}`);
}

function timeOf(time: unknown): string | undefined {
  if (time === undefined || time === null) return undefined;
  if (typeof time === 'string') return time;
  throw wrong('time', 'must be a text in the form of RFC 3339');
}

function dataOf(event: Record<string, unknown>): unknown {
  const type = event['datacontenttype'];
  const plain = typeof type === 'string' ? (type.split(';')[0] ?? '').trim().toLowerCase() : undefined;
  if (type !== undefined && type !== null && (plain === undefined || !jsonType.test(plain)))
    throw wrong('datacontenttype', `must be application/json, got ${JSON.stringify(type)?.slice(0, 80)}`);
  if (event['data_base64'] === undefined) {
    if (event['data'] === undefined || event['data'] === null)
      throw wrong('data', 'is missing; it holds the row');
    return event['data'];
  }
  if (event['data'] !== undefined) throw wrong('data', 'and data_base64 exclude each other');
  const bytes = event['data_base64'];
  try {
    if (typeof bytes !== 'string') throw new TypeError('no text');
    const decoded = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(bytes, 'base64'));
    return JSON.parse(decoded);
  } catch {
    throw wrong('data_base64', 'must be JSON in UTF-8, encoded as base64');
  }
}

function wrong(field: string, message: string) {
  return invalid('CLOUDEVENT_INVALID', `${field}: ${message}`, { field });
}
