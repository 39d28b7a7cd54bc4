import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  CompactDatasetsRequestSchema,
  CompactDatasetsResponseSchema,
  type DatasetReference,
  DatasetReferenceSchema,
  DiffDatasetsResponseSchema,
  type ExportDatasetResponse,
  GetDatasetResponseSchema,
  ListDatasetVersionsResponseSchema,
  ListVerifiedDatasetsResponseSchema,
  ListWatchedFilesResponseSchema,
} from '@perennial/contracts';
import { parseEventTime } from '@perennial/kernel';
import type { Peers } from '../effects/peers.js';
import { gatewayLimits } from '../limits.js';
import {
  type ControlRequest,
  type ControlRoute,
  jsonOf,
  kindIn,
  messageOf,
  numberOf,
  type StreamRoute,
} from './route.js';

type Asked = Pick<ControlRequest, 'params' | 'query'>;

const versionMax = 2 ** 31;
const versionsMax = 1_000;
const watchedFilesMax = 1_000;

/** Versions of verified rows. */
export function datasetRoutes({ datasets }: Pick<Peers, 'datasets'>): ControlRoute[] {
  return [
    {
      method: 'GET',
      path: '/v1/datasets',
      needs: 'inspect',
      answer: async () => jsonOf(ListVerifiedDatasetsResponseSchema, await datasets.listVerifiedDatasets({})),
    },
    {
      method: 'GET',
      path: '/v1/datasets/:source',
      needs: 'inspect',
      answer: async (request) =>
        jsonOf(
          GetDatasetResponseSchema,
          await datasets.getDataset({ dataset: referenceOf(request, 'version') }),
        ),
    },
    {
      method: 'GET',
      path: '/v1/datasets/:source/versions',
      needs: 'inspect',
      answer: async ({ params, query }) =>
        jsonOf(
          ListDatasetVersionsResponseSchema,
          await datasets.listDatasetVersions({
            source: params['source'] ?? '',
            kind: kindIn(query),
            beforeVersion: numberOf(query, 'before', { fallback: 0, max: versionMax }),
            limit: numberOf(query, 'limit', { fallback: 0, max: versionsMax }),
          }),
        ),
    },
    {
      method: 'GET',
      path: '/v1/datasets/:source/diff',
      needs: 'inspect',
      answer: async (request) =>
        jsonOf(
          DiffDatasetsResponseSchema,
          await datasets.diffDatasets({
            from: referenceOf(request, 'from'),
            to: referenceOf(request, 'to'),
          }),
        ),
    },
    watchedFilesRoute(datasets),
    {
      method: 'POST',
      path: '/v1/datasets/compact',
      needs: 'operate',
      answer: async (request) => {
        const message = messageOf(CompactDatasetsRequestSchema, request);
        const options = { timeoutMs: gatewayLimits.exportTimeoutMs, signal: request.signal };
        return jsonOf(CompactDatasetsResponseSchema, await datasets.compactDatasets(message, options));
      },
    },
  ];
}

/** What came of files that come in by themselves. */
function watchedFilesRoute(datasets: Peers['datasets']): ControlRoute {
  return {
    method: 'GET',
    path: '/v1/watched-files',
    needs: 'inspect',
    answer: async ({ query }) =>
      jsonOf(
        ListWatchedFilesResponseSchema,
        await datasets.listWatchedFiles({
          source: query['source'] ?? '',
          limit: numberOf(query, 'limit', { fallback: 0, max: watchedFilesMax }),
        }),
      ),
  };
}

/** Rows of a version as a file. */
export function datasetStreams({ datasets }: Pick<Peers, 'datasets'>): StreamRoute[] {
  return [
    {
      method: 'GET',
      path: '/v1/datasets/:source/rows',
      needs: 'inspect',
      serve: async (context, _request, response) => {
        const format = context.query['format'] ?? 'parquet';
        const parts = datasets.exportDataset(
          { dataset: referenceOf(context, 'version'), format },
          { timeoutMs: gatewayLimits.exportTimeoutMs, signal: context.signal },
        );
        await sendRows(parts[Symbol.asyncIterator](), format, response);
      },
    },
  ];
}

const contentTypes: Readonly<Record<string, string>> = {
  parquet: 'application/vnd.apache.parquet',
  csv: 'text/csv; charset=utf-8',
};

/** The first two parts are waited for: what goes wrong before there is a file is still told as a problem. */
async function sendRows(
  parts: AsyncIterator<ExportDatasetResponse>,
  format: string,
  response: ServerResponse,
): Promise<void> {
  const { value: head } = (await parts.next()) as IteratorResult<ExportDatasetResponse, undefined>;
  const version = head?.part.case === 'version' ? head.part.value : undefined;
  const first = await parts.next();
  response.writeHead(200, {
    'content-type': contentTypes[format] ?? 'application/octet-stream',
    'content-disposition': `attachment; filename="${version?.source}-v${version?.version}.${format}"`,
    'perennial-dataset-version': String(version?.version ?? ''),
    'perennial-dataset-manifest': version?.manifestDigest ?? '',
  });
  await pipeline(async function* () {
    for (let next = first; !next.done; next = await parts.next()) {
      if (next.value.part.case === 'chunk') yield next.value.part.value;
    }
  }, response);
}

function referenceOf({ params, query }: Asked, name: 'version' | 'from' | 'to'): DatasetReference {
  const asOf = name === 'version' ? query['as_of'] : undefined;
  return create(DatasetReferenceSchema, {
    source: params['source'] ?? '',
    kind: kindIn(query),
    version: numberOf(query, name, { fallback: 0, max: versionMax }),
    ...(asOf && { asOf: timestampFromMs(parseEventTime(asOf, 'as_of')) }),
  });
}
