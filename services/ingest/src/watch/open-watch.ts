import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { type DatasetService, IngestService } from '@perennial/contracts';
import type { Frame, Implementation } from '@perennial/service';
import type { settings } from '../config.js';
import { segmentKind } from '../record.js';
import { folderPlace, s3Client, s3Place } from './places.js';
import { type WatchDb, WatchStore } from './store.js';
import { type FilePublication, Watch } from './watch.js';

const listedDefault = 100;
const listedMax = 1_000;

/** The watch over folders and prefixes, and what tells what came of their files. */
export function openWatch(frame: Frame<typeof settings>) {
  const { tenant, clock, log } = frame;
  const { watchEveryMs: everyMs, watchSettledMs: settledMs, watchRoots: roots } = frame.settings;
  const store = new WatchStore(frame.database.db as unknown as WatchDb, tenant);
  // Files come in as everybody's do, so that nothing is different for them.
  let door: ReturnType<typeof frame.dial<typeof IngestService>> | undefined;
  const publish = (file: FilePublication, signal: AbortSignal) => {
    door ??= frame.dial(IngestService, frame.grpcAddress, frame.name);
    return door.publishRows(requestsOf(file), { timeoutMs: publishTimeoutMs, signal });
  };
  const client = s3Client(process.env);
  const watch = new Watch({
    clock,
    log,
    store,
    publish,
    folder: (path) => folderPlace(path, roots),
    s3: (prefix) => s3Place(prefix, client),
    everyMs,
    settledMs,
  });
  const methods: Pick<Implementation<typeof DatasetService>, 'listWatchedFiles'> = {
    listWatchedFiles: async ({ source, limit }) => {
      const files = await store.list(source, Math.min(limit || listedDefault, listedMax));
      return {
        files: files.map(({ kind, lookedAt, ...file }) => ({
          source: file.source,
          kind: segmentKind(kind),
          name: file.name,
          status: file.status,
          taken: file.taken,
          duplicates: file.duplicates,
          refused: file.refused,
          message: file.message,
          lookedAt: timestampFromDate(lookedAt),
        })),
      };
    },
  };
  const stop = async () => {
    await watch.stop();
    door?.close();
  };
  return { methods, start: () => watch.start(), stop };
}

/** A file of the largest size over a slow disk. */
const publishTimeoutMs = 3_600_000;

async function* requestsOf({ content, kind, ...file }: FilePublication) {
  const header = { ...file, kind: segmentKind(kind), way: 'files' };
  yield { part: { case: 'header' as const, value: header } };
  for await (const value of content) yield { part: { case: 'chunk' as const, value } };
}
