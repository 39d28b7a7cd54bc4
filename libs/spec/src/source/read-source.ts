import { isTimeZone } from '@perennial/kernel';
import { SpecFile } from '../system/problems.js';
import { Reader } from '../system/reader.js';
import { type Late, latePolicies, type Source, sourceSchema } from './source.js';

const rootFields = ['apiVersion', 'kind', 'name', 'purpose', 'time', 'key', 'late', 'folders', 's3'] as const;

/**
 * Reads a document of `kind: Source`.
 *
 * @throws PlatformError SPEC_INVALID with every problem found, one a line: its line, its path, what is wrong and the fix
 */
export function parseSource(yaml: string): Source {
  const file = new SpecFile(yaml);
  const at = new Reader(file, file.value, []).fields(rootFields);
  if (!at) return file.refuse() as never;
  at.apiVersion.choice(['perennial/v1']);
  at.kind.choice(['Source']);
  const draft = {
    name: at.name.name(),
    ...(at.purpose.isAbsent ? {} : { purpose: at.purpose.text() }),
    time: readTime(at.time),
    key: readColumns(at.key),
    late: readLate(at.late),
    folders: readPlaces(at.folders, 'path'),
    s3: readPlaces(at.s3, 'prefix'),
  };
  file.refuse();
  return sourceSchema.parse(draft);
}

/** `date`, or `{ column: date, zone: Europe/Berlin }`. */
function readTime(at: Reader): Source['time'] | undefined {
  const what = 'the column with the event time';
  if (typeof at.value !== 'object' || at.value === null) {
    const column = at.column(what);
    return column === undefined ? undefined : { column };
  }
  const fields = at.fields(['column', 'zone']);
  const column = fields?.column.column(what);
  const zone = fields && readZone(fields.zone);
  return column === undefined ? undefined : { column, ...(zone !== undefined && { zone }) };
}

/** The IANA name of a time zone; undefined where none is given. */
export function readZone(at: Reader): string | undefined {
  if (at.isAbsent) return undefined;
  const text = at.text('a time zone');
  if (text === undefined || isTimeZone(text)) return text;
  return at.report(`"${text}" is no time zone; write its IANA name, such as Europe/Berlin`);
}

function readColumns(at: Reader): string[] {
  const columns = at.items().map((item) => item.column());
  return columns.filter((column) => column !== undefined);
}

/** When a row is late, and what happens to it then. */
export function readLate(at: Reader): Late | undefined {
  if (at.isAbsent) return { policy: 'take' };
  const fields = at.fields(['watermark', 'policy']);
  if (!fields) return undefined;
  const policy = fields.policy.choice(latePolicies, 'take');
  const watermarkMs = fields.watermark.isAbsent ? undefined : fields.watermark.durationMs();
  if (!policy) return undefined;
  if (policy !== 'take' && fields.watermark.isAbsent)
    return fields.watermark.report('say from when on a row is late, for example 1h');
  if (watermarkMs !== undefined && watermarkMs <= 0)
    return fields.watermark.report('must be longer than nothing');
  return { ...(watermarkMs !== undefined && { watermarkMs }), policy };
}

/** Places where files come to lie: a text, or a map that says more. */
function readPlaces<Name extends 'path' | 'prefix'>(
  at: Reader,
  name: Name,
): ({ kind: 'rows' | 'labels'; producer: string } & Record<Name, string>)[] {
  return at.items().flatMap((item) => {
    const isText = typeof item.value === 'string';
    const fields = isText ? undefined : item.fields([name, 'kind', 'producer'] as const);
    const place = isText ? item : fields?.[name];
    const text = place?.text(name === 'path' ? 'a folder or a glob' : 's3://bucket/prefix');
    const kind = fields ? (fields['kind'] as Reader).choice(['rows', 'labels'] as const, 'rows') : 'rows';
    const given = fields?.['producer'] as Reader | undefined;
    const producer = given && !given.isAbsent ? given.name() : 'files';
    if (text === undefined || kind === undefined || producer === undefined) return [];
    if (name === 'prefix' && !/^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/.*)?$/.test(text)) {
      place?.report(`"${text}" is no prefix; write s3://<bucket>/<beginning of the keys>`);
      return [];
    }
    return [
      { [name]: text, kind, producer } as { kind: 'rows' | 'labels'; producer: string } & Record<
        Name,
        string
      >,
    ];
  });
}
