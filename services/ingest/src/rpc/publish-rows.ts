import type { PublishRowsRequest, PublishRowsResponse } from '@perennial/contracts';
import { invalid } from '@perennial/kernel';
import { decompressed } from '../effects/decompress.js';
import { publicationOf } from '../publish/publication.js';
import { spooled } from '../publish/spool.js';
import { take } from '../publish/take.js';
import type { RpcContext } from './context.js';

/**
 * Takes a file or a batch: the answer comes when every row is durable. The same content again changes nothing. Rows
 * that cannot be read are refused alone; where none can be taken, the call fails with the first reason.
 */
export async function publishRows(
  context: RpcContext,
  requests: AsyncIterable<PublishRowsRequest>,
): Promise<PublishRowsResponse> {
  const parts = requests[Symbol.asyncIterator]();
  const first = await parts.next();
  const header = first.done ? undefined : first.value.part;
  if (header?.case !== 'header') {
    throw invalid('PUBLISH_HEADER', 'the first message must be the header that says what comes', {
      field: 'header',
    });
  }
  const publication = await publicationOf(context, header.value);
  const { means, fileBytesMax, bodies, cuts, clock } = context;
  return bodies.during(publication.producer, () =>
    spooled(
      decompressed(chunksOf(parts), publication.encoding),
      { dir: means.workDir, bytesMax: fileBytesMax },
      (file) => {
        const arrivedAt = clock.now();
        return cuts.during(publication.producer, () => take(context, { publication, file, arrivedAt }));
      },
    ),
  );
}

async function* chunksOf(parts: AsyncIterator<PublishRowsRequest>): AsyncGenerator<Uint8Array> {
  for (let next = await parts.next(); !next.done; next = await parts.next()) {
    const { part } = next.value;
    if (part.case !== 'chunk') {
      throw invalid('PUBLISH_HEADER', 'after the header only chunks may follow', { field: 'header' });
    }
    yield part.value;
  }
}
