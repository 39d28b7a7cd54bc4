import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type PublishRowsHeader,
  type PublishRowsRequestSchema,
  type PublishRowsResponse,
  RowsService,
  type SendBatchesRequest,
  type SendRowsRequest,
} from '@perennial/contracts';
import { asPlatformError, invalid, limits } from '@perennial/kernel';
import { type Call, type RpcService, rpc } from '@perennial/service';
import { allowRoute, type Caller, producerFor } from '../decide/access.js';
import type { Peers } from '../effects/peers.js';
import type { GuardOptions } from '../grpc/guarded.js';
import { inOrder } from '../grpc/in-order.js';
import { gatewayLimits } from '../limits.js';

/** Batches of one stream that are on their way into ingest at a time; further ones are not read. */
const batchesAhead = 4;
const retryAfterMs = 1_000;

type Part = MessageInitShape<typeof PublishRowsRequestSchema>;

export interface RowsServiceOptions extends Pick<GuardOptions, 'onForbidden' | 'callerAgain'> {
  readonly ingest: Peers['ingest'];
}

/** The way in for rows over gRPC: whose key it is says which sources may be written, and as which producer. */
export function rowsService(options: RowsServiceOptions): RpcService {
  return rpc(RowsService, {
    sendRows: async (requests, call) => ({ taken: await sendRows(options, requests, call) }),
    sendBatches: (requests, call) =>
      inOrder(requests, batchesAhead, (batch) => sendBatch(options, batch, call)),
  });
}

async function sendRows(
  options: RowsServiceOptions,
  requests: AsyncIterable<SendRowsRequest>,
  call: Call,
): Promise<PublishRowsResponse> {
  const messages = requests[Symbol.asyncIterator]();
  const first = await messages.next();
  const part = first.done ? undefined : first.value.part;
  if (part?.case !== 'header') throw noHeader('the first message must be the header that says what comes');
  const header = part.value;
  const body = async function* () {
    for (let next = await messages.next(); !next.done; next = await messages.next()) {
      if (next.value.part.case !== 'chunk') throw noHeader('after the header only chunks may follow');
      yield next.value.part.value;
    }
  };
  return publish(options, { header, body: body(), method: 'SendRows' }, call);
}

async function sendBatch(options: RowsServiceOptions, { header, body }: SendBatchesRequest, call: Call) {
  // A key may end while its stream goes on.
  await options.callerAgain(call);
  try {
    if (!header) throw noHeader('each batch needs a header that says what it is');
    if (body.byteLength > limits.httpBodyBytesMax) {
      throw invalid(
        'BODY_TOO_LARGE',
        `a batch has at most ${limits.httpBodyBytesMax} bytes; send it with SendRows`,
        {
          field: 'body',
        },
      );
    }
    return { taken: await publish(options, { header, body: [body], method: 'SendBatches' }, call) };
  } catch (thrown) {
    const error = asPlatformError(thrown);
    if (error.code === 'FORBIDDEN' || error.code === 'UNAUTHENTICATED') throw error;
    return {
      errorCode: error.code,
      errorMessage: error.message,
      retryAfterMs: error.retry === 'never' ? 0 : (error.retryAfterMs ?? retryAfterMs),
    };
  }
}

interface Sent {
  readonly header: PublishRowsHeader;
  readonly body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  readonly method: 'SendRows' | 'SendBatches';
}

async function publish(
  { ingest, onForbidden }: RowsServiceOptions,
  { header, body, method }: Sent,
  call: Call,
): Promise<PublishRowsResponse> {
  const caller = call.caller as Caller;
  const { source } = header;
  try {
    allowRoute(caller, { needs: 'publish' }, { source });
  } catch (thrown) {
    onForbidden(`/${RowsService.typeName}/${method}`, caller, call);
    throw thrown;
  }
  const producer = producerFor(caller, header.producer || undefined);
  const end = caller.meter?.begin();
  try {
    caller.meter?.takeRows(1);
    const parts = async function* (): AsyncGenerator<Part> {
      yield { part: { case: 'header', value: { ...header, producer, way: 'grpc' } } };
      for await (const value of body) yield { part: { case: 'chunk', value } };
    };
    const { signal } = call;
    const answer = await ingest.publishRows(parts(), { timeoutMs: gatewayLimits.uploadTimeoutMs, signal });
    caller.meter?.spendRows(Math.max(0, answer.taken + answer.duplicates + answer.refused - 1));
    return answer;
  } finally {
    end?.();
  }
}

function noHeader(message: string) {
  return invalid('PUBLISH_HEADER', message, { field: 'header' });
}
