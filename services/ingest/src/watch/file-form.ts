/** What a file is by the endings of its name. */
export interface FileForm {
  readonly format: string;
  /** How it is compressed: gzip, zstd or not at all. */
  readonly encoding: string;
}

const formats: Readonly<Record<string, string>> = {
  csv: 'csv',
  json: 'json',
  jsonl: 'jsonl',
  ndjson: 'jsonl',
  parquet: 'parquet',
  arrow: 'arrow',
  arrows: 'arrow',
};
const encodings: Readonly<Record<string, string>> = { gz: 'gzip', gzip: 'gzip', zst: 'zstd', zstd: 'zstd' };

/** `a.csv`, `a.jsonl.gz` and so on; undefined for a name that says of no form that holds rows. */
export function fileForm(name: string): FileForm | undefined {
  const parts = name.toLowerCase().split('/').at(-1)?.split('.').slice(1) ?? [];
  const encoding = encodings[parts.at(-1) ?? ''] ?? '';
  const format = formats[(encoding ? parts.at(-2) : parts.at(-1)) ?? ''];
  return format === undefined ? undefined : { format, encoding };
}
