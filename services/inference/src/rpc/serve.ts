import { create } from '@bufbuild/protobuf';
import { type ServeRequest, type ServeResponse, ServeResponseSchema } from '@perennial/contracts';
import type { Call } from '@perennial/service';
import { inferenceLimits } from '../limits.js';
import { AnswerQueue } from './answer-queue.js';
import { type Answering, answerTo } from './answer-to.js';
import { CancelToken } from './cancel-token.js';

/**
 * One gateway's stream: each request is run as it comes and answered when it is done, whatever the order. A request
 * that is cancelled gives its place up and is still answered. When the service drains, what is in hand is answered,
 * what comes is sent back at once, and the stream ends; the gateway opens another one.
 */
export async function* serve(
  answering: Answering,
  requests: AsyncIterable<ServeRequest>,
  { draining, signal }: Pick<Call, 'draining' | 'signal'>,
): AsyncGenerator<ServeResponse> {
  const running = new Map<bigint, CancelToken>();
  let inHand = 0;
  let unsent = 0;
  let isOver = false;
  let isDraining = false;
  let resume: (() => void) | undefined;
  const answers = new AnswerQueue<ServeResponse>(() => {
    // What was sent back was never counted.
    unsent = Math.max(0, unsent - 1);
    resume?.();
  });
  const end = () => {
    isOver = true;
    if (inHand === 0) answers.close();
  };
  const drain = () => {
    isDraining = true;
    if (inHand === 0) answers.close();
  };
  // The client went away: there is nobody to answer, and nothing that waits is of use.
  const abandon = () => {
    isOver = true;
    for (const token of running.values()) token.abort();
    answers.close();
    resume?.();
  };
  const run = (request: ServeRequest) => {
    const token = new CancelToken();
    const answer = answerTo(answering, request, token);
    if (!(answer instanceof Promise)) {
      unsent += 1;
      answers.push(answer);
      return;
    }
    running.set(request.sequence, token);
    inHand += 1;
    void answer.then((response) => {
      if (running.get(request.sequence) === token) running.delete(request.sequence);
      inHand -= 1;
      unsent += 1;
      answers.push(response);
      if (isOver || isDraining) drain();
    });
  };
  const read = async () => {
    for await (const request of requests) {
      if (isOver) return;
      if (isDraining && !request.cancel) answers.push(sentBack(request));
      else if (request.cancel) running.get(request.sequence)?.abort();
      else run(request);
      while (inHand + unsent >= inferenceLimits.streamInHandMax && !isOver) {
        await new Promise<void>((resolve) => {
          resume = resolve;
        });
      }
    }
  };
  draining.addEventListener('abort', drain);
  signal.addEventListener('abort', abandon);
  read().then(end, abandon);
  try {
    yield* answers;
  } finally {
    draining.removeEventListener('abort', drain);
    signal.removeEventListener('abort', abandon);
    // Where the stream broke without a word, too: nothing is read or run for it any more.
    abandon();
  }
}

/** Nothing was done for it: another replica may have it at once. */
function sentBack({ sequence }: ServeRequest): ServeResponse {
  const message = 'this replica is stopping; ask another one';
  return create(ServeResponseSchema, {
    sequence,
    outcome: {
      case: 'error',
      value: { code: 'REPLICA_DRAINING', message, fault: 'dependency', retry: 'now' },
    },
  });
}
